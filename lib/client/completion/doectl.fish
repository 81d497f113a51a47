# fish completion for doectl(1)
# SPDX-License-Identifier: Apache-2.0

set -l commands list show discover cdat stats monitor trace reset release
set -l with_device show discover cdat stats monitor trace reset release

# Devices and mailboxes of the doed that runs here, not of another bus; none is started for that. Without the domain where
# that is 0 and the user leaves it out.
function __doectl_devices
    __fish_contains_opt -s H bus host
    and return
    set -l names (doectl --timeout 1 list --names 2>/dev/null)
    set -l typed (commandline -ct)
    if test -n "$typed"; and not string match -q -- "$typed*" $names
        set names (string replace -f -r '^0000:' '' -- $names)
    end
    string join \n -- $names
end

complete -c doectl -f

complete -c doectl -l bus -x -a 'system session unix:path=' -d 'Where doed is'
complete -c doectl -s H -l host -x -a '(__fish_complete_user_at_hosts)' -d 'Ask the doed of another host, over ssh'
complete -c doectl -l timeout -x -d 'How long to wait for each answer, seconds'
complete -c doectl -l json -a 'short pretty off' -d 'Print JSON'
complete -c doectl -l no-legend -d 'Leave out titles, sums and explanations'
complete -c doectl -l no-ask-password -d 'Do not have polkit ask for a password'
complete -c doectl -l version -d 'Print the version and exit'
complete -c doectl -s h -l help -d 'Print a summary and exit'

set -l needs_command "not __fish_seen_subcommand_from $commands"
complete -c doectl -n "$needs_command" -a list -d 'List every device with its DOE mailboxes'
complete -c doectl -n "$needs_command" -a show -d 'Show everything about a device or a mailbox'
complete -c doectl -n "$needs_command" -a discover -d 'Ask a mailbox for the protocols it offers'
complete -c doectl -n "$needs_command" -a cdat -d 'Read a CDAT, or make one'
complete -c doectl -n "$needs_command" -a stats -d 'Show what doed has counted, of each mailbox'
complete -c doectl -n "$needs_command" -a monitor -d 'Show mailboxes, and what happens to them from now on'
complete -c doectl -n "$needs_command" -a trace -d 'Show what a mailbox did last'
complete -c doectl -n "$needs_command" -a reset -d 'Abort what a mailbox is doing, and claim it anew'
complete -c doectl -n "$needs_command" -a release -d 'Run a command while doed leaves a mailbox alone'

set -l in_build '__fish_seen_subcommand_from cdat; and __fish_seen_subcommand_from build'
set -l in_cdat '__fish_seen_subcommand_from cdat; and not __fish_seen_subcommand_from build'
complete -c doectl -n "__fish_seen_subcommand_from $with_device; and not __fish_seen_subcommand_from build" -a '(__doectl_devices)'

complete -c doectl -n "$in_cdat" -a build -d 'Make a table from a JSON document'
complete -c doectl -n "$in_cdat" -l file -r -F -d 'Take the table in a file apart'
complete -c doectl -n "$in_cdat" -l all -d 'Read the tables of all mailboxes'
complete -c doectl -n "$in_cdat" -l summary -d 'Print how far and how fast the memory is'
complete -c doectl -n "$in_cdat" -l check -d 'Print what is wrong with the table'
complete -c doectl -n "$in_cdat" -l hex -d 'Print every byte with its field'
complete -c doectl -n "$in_cdat" -l raw -r -F -d 'Write the bytes of the table'
complete -c doectl -n "$in_cdat" -l refresh -d 'Read the device now'

complete -c doectl -n "$in_build" -F
complete -c doectl -n "$in_build" -s o -l output -r -F -d 'Write the table to a file'

complete -c doectl -n '__fish_seen_subcommand_from stats' -l textfile -d "Print for node_exporter's textfile collector"
