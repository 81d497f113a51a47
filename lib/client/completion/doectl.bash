# bash completion for doectl(1)                                            -*- shell-script -*-
# SPDX-License-Identifier: Apache-2.0

# Devices and mailboxes of the doed that runs here; none is started for that. Without the domain where that is 0 and the
# user leaves it out.
_doectl_devices() {
    local names
    names=$(doectl --timeout 1 list --names 2>/dev/null) || return 0
    mapfile -t COMPREPLY < <(compgen -W "$names" -- "$cur")
    if ((${#COMPREPLY[@]} == 0)); then
        mapfile -t COMPREPLY < <(compgen -W "$(sed -n 's/^0000://p' <<<"$names")" -- "$cur")
    fi
    __ltrim_colon_completions "$cur"
}

_doectl_words() {
    mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur")
}

_doectl() {
    local cur prev words cword split
    _init_completion -s -n : || return

    local common='--bus --host -H --timeout --json --no-legend --no-ask-password --version --help -h'
    local commands='list show discover cdat stats monitor trace reset release'
    local command='' build='' elsewhere='' word i
    for ((i = 1; i < cword; i++)); do
        word=${words[i]}
        case $word in
        --)
            [[ $command != release ]] || _command_offset $((i + 1))
            return
            ;;
        --bus | --host | -H)
            elsewhere=yes
            ((i++))
            ;;
        --bus=* | --host=* | -H*) elsewhere=yes ;;
        --timeout | --file | -o | --output) ((i++)) ;;
        -*) ;;
        build) [[ $command != cdat ]] || build=yes ;;
        *) [[ -n $command ]] || command=$word ;;
        esac
    done

    case $prev in
    --bus)
        _doectl_words 'system session unix:path='
        __ltrim_colon_completions "$cur"
        return
        ;;
    --host | -H)
        _known_hosts_real -a -- "$cur"
        return
        ;;
    --timeout) return ;;
    --json)
        # A word of its own is none of it.
        if $split; then
            _doectl_words 'short pretty off'
            return
        fi
        ;;
    --file | --raw | -o | --output)
        _filedir
        return
        ;;
    esac

    if [[ $cur == -* ]]; then
        case $command in
        cdat)
            if [[ -n $build ]]; then
                _doectl_words "$common -o --output"
            else
                _doectl_words "$common --file --all --summary --check --hex --raw --refresh"
            fi
            ;;
        stats) _doectl_words "$common --textfile" ;;
        *) _doectl_words "$common" ;;
        esac
        return
    fi

    case $command in
    '') _doectl_words "$commands" ;;
    list) ;;
    cdat)
        if [[ -n $build ]]; then
            _filedir json
            return
        fi
        [[ -n $elsewhere ]] || _doectl_devices
        [[ build != "$cur"* ]] || COMPREPLY+=(build)
        ;;
    *) [[ -n $elsewhere ]] || _doectl_devices ;;
    esac
} && complete -F _doectl doectl
