// SPDX-License-Identifier: Apache-2.0
//
// One device served on a bus, with a client. What the host shows of the kernel is made up by the test; the device itself is
// emulated.
#pragma once

#include "daemon/served_device.hpp"
#include "daemon_side.hpp"
#include "fake_tree.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace doed::daemon {

inline constexpr pci::Address address{.bus = 0x0D};
inline const std::string device_path = "/org/doed1/device/0000_0d_00_0";
inline const std::string mailbox_path = device_path + "/mailbox_190";
inline const std::string error_prefix = "org.doed1.Error.";

/// What a property of an interface that is not there is, in either generation of sdbus-c++.
inline const auto is_absent = testing::StartsWith("(org.freedesktop.DBus.Error.Unknown");

inline constexpr char endpoint[] =
    R"({"address": "0000:0d:00.0", "kind": "cxl-endpoint", "response_time_us": 1})";

/// Opens the kernel's table of a device, whichever, in a folder; nothing else.
class TableOpener final : public pci::Opener {
public:
    explicit TableOpener(std::filesystem::path folder) : folder_(std::move(folder)) {}
    base::Result<pci::FoundMailboxes> find(const pci::Address&) override {
        return base::fail(base::Errc::not_found);
    }
    base::Result<base::UniqueFd> open(const pci::Address&, pci::RootFile file) override {
        base::UniqueFd table(::open((folder_ / "CDAT").c_str(), O_RDONLY | O_CLOEXEC));
        if (file != pci::RootFile::kernel_table || !table) {
            return base::fail(base::Errc::not_found, "CDAT");
        }
        return table;
    }

private:
    std::filesystem::path folder_;
};

class AServedDevice : public testing::Test {
protected:
    explicit AServedDevice(const std::string& description = endpoint) {
        side.host.plug(description);
        side.context.opener = &opener;
        finding = found();
    }
    ~AServedDevice() override {
        side.host.go_on();
        if (device) {
            side.finish_on_loop(
                [this](auto closed) { device->close(base::Errc::cancelled, closed); });
        }
        side.stop([this] { device.reset(); });
    }

    /// The device as the host shows it, without a driver.
    [[nodiscard]] DeviceFinding found() {
        auto findings = HostFindings::look(side.host, std::nullopt);
        return findings->devices.at(0);
    }
    static DeviceFinding with_driver(DeviceFinding finding, const std::string& driver) {
        finding.info.driver = driver;
        finding.kernel.driver = driver;
        return finding;
    }
    /// With a CXL port whose CDAT file holds `size` bytes and is the one of that identity.
    [[nodiscard]] DeviceFinding with_port(std::size_t size = 20, std::uint64_t identity = 7) const {
        DeviceFinding result = with_driver(finding, "cxl_pci");
        result.kernel.cxl_port = true;
        result.kernel.cdat_file = tree.file("CDAT", std::string(size, 'a'));
        result.kernel.cdat_identity = identity;
        return result;
    }

    void serve(DeviceFinding first) {
        side.on_loop([&] {
            device = std::make_shared<ServedDevice>(side.context, std::move(first));
            device->publish(*side.connection, *side.pump, *side.gate);
            device->begin();
        });
    }
    /// Serves it and waits until it is claimed.
    void serve() {
        serve(finding);
        ASSERT_TRUE(wait_for("State", "idle"));
        client.forget_signals();
        EXPECT_EQ(side.host.most_handles(), static_cast<int>(finding.info.mailboxes.size()));
    }
    void update(DeviceFinding now) {
        side.on_loop([&] { device->update(std::move(now)); });
    }
    /// Serves it with a reading on its wire that does not end before go_on().
    void serve_and_read() {
        serve();
        side.host.hold();
        reading = client.start(mailbox_path, names::cdat_interface, "GetTable");
        ASSERT_TRUE(side.host.wait_for_request());
    }

    [[nodiscard]] std::string property(const char* name) {
        return client.property(mailbox_path, names::mailbox_interface, name);
    }
    [[nodiscard]] std::uint64_t number(const char* name) {
        return client.number(mailbox_path, names::mailbox_interface, name, 't');
    }
    [[nodiscard]] bool wait_for_queue(std::uint64_t length) {
        return client.ask_until([&] {
            return client.number(mailbox_path, names::mailbox_interface, "QueueLength", 'u') ==
                   length;
        });
    }
    [[nodiscard]] bool wait_for(const char* name, const std::string& value) {
        return client.wait_for(mailbox_path, names::mailbox_interface, name, value);
    }
    [[nodiscard]] std::string source() {
        return client.property(mailbox_path, names::cdat_interface, "Source");
    }
    [[nodiscard]] std::string error_of(const char* interface, const char* method,
                                       bool refresh = false) {
        return client.call(mailbox_path, interface, method, refresh)->error;
    }
    [[nodiscard]] std::size_t table_size() {
        const auto answer = client.call(mailbox_path, names::cdat_interface, "GetTable");
        EXPECT_EQ(answer->error, "") << answer->message;
        return answer->bytes.size();
    }
    void expect_daemon() {
        EXPECT_TRUE(wait_for("State", "idle"));
        EXPECT_EQ(property("Owner"), "daemon");
        EXPECT_EQ(property("Backend"), "changing");
        EXPECT_EQ(property("Completion"), "poll");
        EXPECT_EQ(source(), "mailbox");
        EXPECT_EQ(table_size(), 160U);
    }
    void expect_refusals(const std::string& name) {
        const std::string error = error_prefix + name;
        EXPECT_EQ(error_of(names::mailbox_interface, "Discover"), error);
        EXPECT_EQ(error_of(names::mailbox_interface, "Reset"), error);
        EXPECT_EQ(error_of(names::mailbox_interface, "Release"), error);
    }

    FakeTree tree;
    TableOpener opener{tree.root()};
    DaemonSide side;
    bus::TestClient& client = *side.client;
    DeviceFinding finding;
    std::shared_ptr<ServedDevice> device;
    bus::TestClient::AnswerPtr reading;
};

}  // namespace doed::daemon
