// SPDX-License-Identifier: Apache-2.0
#include "client/attended_service.hpp"

#include "client/progress_line.hpp"
#include "client/text.hpp"

namespace doed::client {

namespace {

/// "reading the CDAT of 0000:0d:00.0/190"
std::string progress_text(const char* doing, const std::string& path) {
    return path.empty() ? std::string(doing)
                        : printable(std::string(doing) + " of " + mailbox_name_of_path(path));
}

}  // namespace

template <typename Call>
auto AttendedService::attend(const char* doing, const std::string& path, const Call& call) {
    auto result = [&] {
        std::optional<ProgressLine> progress;
        if (attendance_.progress_terminal) {
            progress.emplace(*attendance_.progress_terminal, progress_text(doing, path));
            service_.on_wait([&progress](auto elapsed) { progress->waited(elapsed); });
        }
        auto answer = call();
        service_.on_wait({});
        return answer;
    }();
    if (result || !attendance_.may_ask || result.error().kind() != FailureKind::access_denied) {
        return result;
    }
    // doed does not tell whether a password would help: polkit does. The terminal is the agent's now.
    agent_.start();
    service_.allow_interaction(true);
    result = call();
    service_.allow_interaction(false);
    return result;
}

Outcome<std::vector<DeviceRecord>> AttendedService::devices() {
    return attend("listing the devices", {}, [&] { return service_.devices(); });
}

Outcome<std::vector<Feature>> AttendedService::discover(const std::string& mailbox_path) {
    return attend("asking for the protocols", mailbox_path,
                  [&] { return service_.discover(mailbox_path); });
}

Outcome<std::vector<std::uint8_t>> AttendedService::table(const std::string& mailbox_path,
                                                          bool refresh) {
    return attend("reading the CDAT", mailbox_path,
                  [&] { return service_.table(mailbox_path, refresh); });
}

Outcome<std::string> AttendedService::table_document(const std::string& mailbox_path) {
    return attend("reading the CDAT's document", mailbox_path,
                  [&] { return service_.table_document(mailbox_path); });
}

Outcome<std::string> AttendedService::trace(const std::string& mailbox_path) {
    return attend("reading the trace", mailbox_path, [&] { return service_.trace(mailbox_path); });
}

Outcome<void> AttendedService::reset(const std::string& mailbox_path) {
    return attend("waiting for the reset", mailbox_path,
                  [&] { return service_.reset(mailbox_path); });
}

Outcome<base::UniqueFd> AttendedService::release(const std::string& mailbox_path) {
    return attend("waiting for the release", mailbox_path,
                  [&] { return service_.release(mailbox_path); });
}

Outcome<CdatRecord> AttendedService::cdat(const std::string& mailbox_path) {
    return attend("looking at the CDAT", mailbox_path, [&] { return service_.cdat(mailbox_path); });
}

}  // namespace doed::client
