// SPDX-License-Identifier: Apache-2.0
//
// What can go wrong for a client of doed: the kind (which is the exit code), what happened, the D-Bus error it came as,
// and what the user can do about it. The table of D-Bus error names lives in failure.cpp.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace doed::client {

/// The advice where an answer is none that doed gives.
inline constexpr char versions_differ[] =
    "doectl and the running doed may be of different versions";

/// Documented in doectl(1); a script relies on the numbers.
enum class FailureKind : std::uint8_t {
    general = 1,        ///< anything else
    usage = 2,          ///< the command line is wrong
    not_found = 3,      ///< no such device, mailbox, file or folder
    access_denied = 4,  ///< the caller may not do that
    refused = 5,        ///< doed does not do that on this mailbox
    timed_out = 6,      ///< the device or doed did not answer in time
    no_daemon = 7,      ///< no bus, or nobody owns org.doed1 on it
};

[[nodiscard]] constexpr int exit_code(FailureKind kind) noexcept {
    return static_cast<int>(kind);
}

class Failure {
public:
    Failure(FailureKind kind, std::string message, std::string advice = {},
            std::string dbus_name = {});

    [[nodiscard]] FailureKind kind() const noexcept { return kind_; }
    [[nodiscard]] const std::string& message() const noexcept { return message_; }
    /// What to do next; empty when there is nothing better than the message.
    [[nodiscard]] const std::string& advice() const noexcept { return advice_; }
    /// "org.doed1.Error.Timeout"; empty for what did not come over the bus.
    [[nodiscard]] const std::string& dbus_name() const noexcept { return dbus_name_; }

    /// The same failure seen from further out: "prefix: message".
    [[nodiscard]] Failure in(std::string_view prefix) const;
    [[nodiscard]] Failure advised(std::string advice) const;

    /// "message (dbus name); advice" with control characters made visible: one line for people.
    [[nodiscard]] std::string line() const;

private:
    FailureKind kind_;
    std::string message_;
    std::string advice_;
    std::string dbus_name_;
};

template <typename T>
using Outcome = std::expected<T, Failure>;

[[nodiscard]] std::unexpected<Failure> failed(FailureKind kind, std::string message,
                                              std::string advice = {});

/// A D-Bus error reply, sorted by its name; unknown names are FailureKind::general. Each has advice.
[[nodiscard]] Failure failure_from_error(std::string dbus_name, std::string message);

/// What the operating system refused: "what: errno text", with advice. Takes errno values of either sign.
[[nodiscard]] Failure failure_from_errno(int error, std::string_view what);

/// The same of a file that the user has named, whether it was to be read or written: not_found when it or its folder is not
/// there, access_denied when it is not for this user or the file system is read-only, general for all else.
[[nodiscard]] Failure failure_of_file(int error, std::string_view what);

}  // namespace doed::client
