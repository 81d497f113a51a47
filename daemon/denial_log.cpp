// SPDX-License-Identifier: Apache-2.0
#include "daemon/denial_log.hpp"

#include <string>

#include <fmt/format.h>

namespace doed::daemon {

void DenialLog::note(const bus::Denial& denial, base::TimePoint now) {
    std::erase_if(users_, [now](const auto& user) {
        return user.second.next <= now && user.second.untold == 0;
    });
    User& user = users_[denial.uid];
    if (now < user.next) {
        ++user.untold;
        return;
    }
    std::string line = fmt::format("{}: {} is denied to user {} ({}): {}", denial.subject,
                                   denial.method, denial.uid, denial.client, denial.reason);
    if (user.untold > 0) {
        fmt::format_to(std::back_inserter(line), "; so were {} calls of this user before",
                       user.untold);
    }
    user = {.next = now + pause, .untold = 0};
    log_.event(LogLevel::warning, message_ids::denied,
               {{"DOED_METHOD", denial.method},
                {"DOED_SUBJECT", denial.subject},
                {"DOED_UID", std::to_string(denial.uid)},
                {"DOED_CLIENT", denial.client},
                {"DOED_REASON", denial.reason}},
               line);
}

}  // namespace doed::daemon
