// SPDX-License-Identifier: Apache-2.0
//
// Any text as doed's configuration: taken within the documented ranges, or refused on one line that names the file.
#include "daemon/config.hpp"
#include "fuzz/target.hpp"

namespace {

void check_device(const doed::daemon::DeviceConfig& device) {
    DOED_ASSERT(device.mailbox.poll.floor <= device.mailbox.poll.cap);
    DOED_ASSERT(device.mailbox.exchange_timeout >= std::chrono::seconds(1));
    DOED_ASSERT(device.mailbox.exchange_timeout <= std::chrono::seconds(60));
    DOED_ASSERT(device.mailbox.queue_limit >= 1 && device.mailbox.queue_limit <= 4096);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
    const auto config =
        doed::daemon::Config::parse(doed::fuzz::Input(data, size_bytes).all_text(), "doed.json");
    if (!config) {
        DOED_ASSERT(config.error().code() == doed::base::Errc::invalid_argument);
        DOED_ASSERT(config.error().context().starts_with("doed.json: "));
        DOED_ASSERT(!config.error().context().contains('\n'));
        return 0;
    }
    DOED_ASSERT(config->workers >= 1 && config->workers <= 64);
    DOED_ASSERT(config->allowed.find(doed::doe::protocol_discovery));
    check_device(config->device_default);
    for (const auto& [address, device] : config->devices) {
        check_device(device);
    }
    return 0;
}
