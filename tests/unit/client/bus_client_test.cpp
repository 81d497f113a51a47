// SPDX-License-Identifier: Apache-2.0
//
// BusClient against a peer that answers rightly, wrongly, late or not at all.
#include "client/bus_client.hpp"

#include "base/unique_fd.hpp"
#include "cdat/table.hpp"
#include "peer_daemon.hpp"
#include "samples.hpp"

#include <atomic>
#include <optional>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

namespace doed::client {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using Handlers = std::map<std::string, PeerDaemon::Handler>;

constexpr char mailbox_path[] = "/org/doed1/device/0000_0d_00_0/mailbox_190";

/// A client whose peer has the given handlers.
class Connected {
public:
    explicit Connected(Handlers handlers, std::chrono::microseconds timeout = 10s)
        : peer_(std::move(handlers)), client_(peer_.connect(), BusPlace("system"), timeout) {}

    BusClient* operator->() { return &client_; }

private:
    PeerDaemon peer_;
    BusClient client_;
};

PeerDaemon::Handler error_reply(const char* name) {
    return
        [name](sd_bus_message* call) { return sd_bus_reply_method_errorf(call, name, "because"); };
}

PeerDaemon::Handler bytes_reply(std::vector<std::uint8_t> bytes) {
    return [bytes](sd_bus_message* call) {
        sd_bus_message* raw = nullptr;
        sd_bus_message_new_method_return(call, &raw);
        const MessagePtr reply(raw);
        sd_bus_message_append_array(raw, 'y', bytes.data(), bytes.size());
        return sd_bus_send(nullptr, raw, nullptr);
    };
}

PeerDaemon::Handler file_reply(std::size_t size_bytes, unsigned int seals) {
    return [=](sd_bus_message* call) {
        const base::UniqueFd file(::memfd_create("table", MFD_CLOEXEC | MFD_ALLOW_SEALING));
        const std::string content(size_bytes, 'x');
        if (::write(file.get(), content.data(), content.size()) !=
                static_cast<ssize_t>(size_bytes) ||
            ::fcntl(file.get(), F_ADD_SEALS, seals) != 0) {
            return -errno;
        }
        return sd_bus_reply_method_return(call, "h", file.get());
    };
}

constexpr unsigned int all_seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;

// Out of order, a mailbox before its device, with an interface and properties that are not known. Laid out as the tree is.
// clang-format off
int reply_with_objects(sd_bus_message* call) {
    return sd_bus_reply_method_return(
        call, "a{oa{sa{sv}}}", 6,
        "/org/doed1", 1, "org.doed1.Manager", 1, "Version", "s", "9",
        "/org/doed1/device/0000_0d_00_0/mailbox_1a0", 1, "org.doed1.Mailbox", 1, "Offset", "q", 0x1a0,
        mailbox_path, 3,
            "org.doed1.Mailbox", 18, "Offset", "q", 0x190, "CapabilityVersion", "y", 2, "State", "s", "idle",
                "Owner", "s", "daemon", "OwnerReason", "s", "free", "Backend", "s", "sysfs", "Completion", "s", "poll",
                "Features", "a(qys)", 1, 0x1e98, 2, "table", "QueueLength", "u", 1, "Exchanges", "t", UINT64_C(2),
                "Aborts", "t", UINT64_C(3), "Timeouts", "t", UINT64_C(4), "Errors", "t", UINT64_C(5),
                "InterruptCompletions", "t", UINT64_C(6), "PollCompletions", "t", UINT64_C(7),
                "ConfigReads", "t", UINT64_C(8), "ConfigWrites", "t", UINT64_C(9), "LastError", "s", "late",
            "org.doed1.Cdat", 7, "Length", "u", 160, "Revision", "y", 1, "Sequence", "u", 3,
                "ChecksumValid", "b", 1, "Source", "s", "mailbox", "Problems", "as", 2, "one", "two",
                "Novelty", "(sas)", "x", 1, "y",
            "org.doed1.Novelty", 0,
        "/org/doed1/device/10000_01_00_0", 1, "org.doed1.Device", 1, "Address", "s", "10000:01:00.0",
        "/org/doed1/device/fffe_01_00_0", 1, "org.doed1.Device", 1, "Address", "s", "fffe:01:00.0",
        "/org/doed1/device/0000_0d_00_0", 1,
            "org.doed1.Device", 9, "Address", "s", "0000:0d:00.0", "VendorId", "q", 0x8086, "DeviceId", "q", 0xd93,
                "SubsystemVendorId", "q", 0x1af4, "SubsystemId", "q", 0x1100, "ClassCode", "u", 0x050210,
                "Driver", "s", "cxl_pci", "NumaNode", "i", 1, "IommuGroup", "i", 12);
}
// clang-format on

TEST(ListingDevices, ReadsEveryPropertyAndSortsByAddressAndOffset) {
    Connected client(Handlers{{"GetManagedObjects", reply_with_objects}});
    const auto devices = client->devices();
    ASSERT_TRUE(devices) << devices.error().line();
    ASSERT_EQ(devices->size(), 3U);
    EXPECT_EQ((*devices)[1].address, "fffe:01:00.0");
    EXPECT_EQ((*devices)[2].address, "10000:01:00.0");
    EXPECT_EQ((*devices)[2].numa_node, -1) << "what is not told is absent";

    const auto& device = (*devices)[0];
    EXPECT_EQ(device.path, "/org/doed1/device/0000_0d_00_0");
    EXPECT_EQ(device.address, "0000:0d:00.0");
    EXPECT_EQ(device.vendor_id, 0x8086);
    EXPECT_EQ(device.device_id, 0x0d93);
    EXPECT_EQ(device.subsystem_vendor_id, 0x1af4);
    EXPECT_EQ(device.subsystem_id, 0x1100);
    EXPECT_EQ(device.class_code, 0x050210U);
    EXPECT_EQ(device.driver, "cxl_pci");
    EXPECT_EQ(device.numa_node, 1);
    EXPECT_EQ(device.iommu_group, 12);

    ASSERT_EQ(device.mailboxes.size(), 2U);
    EXPECT_EQ(device.mailboxes[1].offset, 0x1a0);
    EXPECT_FALSE(device.mailboxes[1].cdat);
    const auto& mailbox = device.mailboxes[0];
    EXPECT_EQ(mailbox.path, mailbox_path);
    EXPECT_EQ(mailbox.offset, 0x190);
    EXPECT_EQ(mailbox.capability_version, 2);
    EXPECT_EQ(mailbox.state, "idle");
    EXPECT_EQ(mailbox.owner, "daemon");
    EXPECT_EQ(mailbox.owner_reason, "free");
    EXPECT_EQ(mailbox.backend, "sysfs");
    EXPECT_EQ(mailbox.completion, "poll");
    EXPECT_THAT(mailbox.features, ElementsAre(Feature{0x1e98, 2, "table"}));
    EXPECT_EQ(mailbox.queue_length, 1U);
    EXPECT_EQ(mailbox.exchanges, 2U);
    EXPECT_EQ(mailbox.aborts, 3U);
    EXPECT_EQ(mailbox.timeouts, 4U);
    EXPECT_EQ(mailbox.errors, 5U);
    EXPECT_EQ(mailbox.interrupt_completions, 6U);
    EXPECT_EQ(mailbox.poll_completions, 7U);
    EXPECT_EQ(mailbox.config_reads, 8U);
    EXPECT_EQ(mailbox.config_writes, 9U);
    EXPECT_EQ(mailbox.last_error, "late");
    ASSERT_TRUE(mailbox.cdat);
    EXPECT_EQ(mailbox.cdat->length_bytes, 160U);
    EXPECT_EQ(mailbox.cdat->revision, 1);
    EXPECT_EQ(mailbox.cdat->sequence, 3U);
    EXPECT_TRUE(mailbox.cdat->checksum_valid);
    EXPECT_EQ(mailbox.cdat->source, "mailbox");
    EXPECT_THAT(mailbox.cdat->problems, ElementsAre("one", "two"));
}

TEST(ListingDevices, RefusesAnAnswerThatBreaksTheContract) {
    const struct {
        const char* message;
        PeerDaemon::Handler handler;
    } rows[] = {
        {"doed answers GetManagedObjects with something other than a{oa{sa{sv}}}",
         [](sd_bus_message* call) { return sd_bus_reply_method_return(call, "s", "x"); }},
        {"doed tells no Address for /d",
         [](sd_bus_message* call) {
             return sd_bus_reply_method_return(call, "a{oa{sa{sv}}}", 1, "/d", 1,
                                               "org.doed1.Device", 0);
         }},
        {"doed tells no Offset for /d/m",
         [](sd_bus_message* call) {
             return sd_bus_reply_method_return(call, "a{oa{sa{sv}}}", 1, "/d/m", 1,
                                               "org.doed1.Mailbox", 1, "Offset", "s", "190");
         }},
        {"doed tells no device for /d/m",
         [](sd_bus_message* call) {
             return sd_bus_reply_method_return(call, "a{oa{sa{sv}}}", 1, "/d/m", 1,
                                               "org.doed1.Mailbox", 1, "Offset", "q", 0x190);
         }},
    };
    for (const auto& row : rows) {
        Connected client(Handlers{{"GetManagedObjects", row.handler}});
        const auto devices = client->devices();
        ASSERT_FALSE(devices) << row.message;
        EXPECT_EQ(devices.error().kind(), FailureKind::general);
        EXPECT_EQ(devices.error().message(), row.message);
    }
}

TEST(Tracing, GetsTheDocumentAsItIs) {
    Connected client(Handlers{{"GetTrace", [](sd_bus_message* call) {
                                   return sd_bus_reply_method_return(call, "s", "{\"version\":1}");
                               }}});
    EXPECT_EQ(client->trace(mailbox_path), "{\"version\":1}");
}

TEST(Tracing, TellsWhatDoedRefused) {
    Connected refusing(Handlers{{"GetTrace", error_reply("org.doed1.Error.DeadlineExceeded")}});
    const auto refused = refusing->trace(mailbox_path);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().dbus_name(), "org.doed1.Error.DeadlineExceeded");
    Connected confused(Handlers{{"GetTrace", bytes_reply({1, 2})}});
    ASSERT_FALSE(confused->trace(mailbox_path));
}

TEST(TableDocuments, AreTakenAsTheyAre) {
    Connected client(Handlers{{"GetJson", [](sd_bus_message* call) {
                                   return sd_bus_reply_method_return(call, "s", "{\"schema\":1}");
                               }}});
    EXPECT_EQ(client->table_document(mailbox_path), "{\"schema\":1}");
}

TEST(TableDocuments, AreMadeByTheClientWhereDoedHasNone) {
    for (const char* name :
         {"org.doed1.Error.TooLarge", "org.freedesktop.DBus.Error.UnknownMethod"}) {
        Connected client(Handlers{{"GetJson", error_reply(name)}});
        EXPECT_EQ(client->table_document(mailbox_path), "") << name;
    }
    Connected refusing(Handlers{{"GetJson", error_reply("org.doed1.Error.KernelOwned")}});
    EXPECT_FALSE(refusing->table_document(mailbox_path));
}

TEST(Discovering, TellsDoedTheDeadline) {
    std::atomic<std::uint64_t> deadline{0};
    Connected client(
        Handlers{{"Discover",
                  [&](sd_bus_message* call) {
                      std::uint64_t value = 0;
                      if (sd_bus_message_read(call, "a{sv}", 1, nullptr, "t", &value) >= 0) {
                          deadline = value;
                      }
                      return sd_bus_reply_method_return(call, "a(qys)", 2, 1, 0, "DOE Discovery",
                                                        0x1af4, 5, "");
                  }}},
        7s);
    const auto features = client->discover(mailbox_path);
    ASSERT_TRUE(features);
    EXPECT_THAT(*features, ElementsAre(samples::discovery(), samples::vendor_protocol()));
    EXPECT_EQ(deadline, 7'000'000U);
}

TEST(ReadingATable, GivesItsBytes) {
    Connected client(Handlers{{"GetTable", bytes_reply(samples::sound_table())}});
    EXPECT_EQ(client->table(mailbox_path, false), samples::sound_table());
}

TEST(ReadingATable, AsksForAFreshOneByOption) {
    std::atomic<int> refresh{0};
    Connected client(Handlers{
        {"GetTable", [&](sd_bus_message* call) {
             std::uint64_t deadline = 0;
             const char* key = nullptr;
             int value = 0;
             sd_bus_message_read(call, "a{sv}", 2, nullptr, "t", &deadline, &key, "b", &value);
             refresh = key != nullptr && std::string_view(key) == "refresh" ? value : 0;
             return bytes_reply({})(call);
         }}});
    const auto bytes = client->table(mailbox_path, true);
    ASSERT_TRUE(bytes);
    EXPECT_TRUE(bytes->empty());
    EXPECT_EQ(refresh, 1);
}

TEST(ReadingATable, TakesAFileWhenItIsTooLargeForAMessage) {
    Connected client(Handlers{{"GetTable", error_reply("org.doed1.Error.TooLarge")},
                              {"GetTableFd", file_reply(100'000, all_seals)}});
    EXPECT_EQ(client->table(mailbox_path, false), std::vector<std::uint8_t>(100'000, 'x'));
}

TEST(ReadingATable, RefusesAFileThatCouldStillChange) {
    Connected client(Handlers{{"GetTable", error_reply("org.doed1.Error.TooLarge")},
                              {"GetTableFd", file_reply(100, F_SEAL_SHRINK | F_SEAL_GROW)}});
    EXPECT_EQ(client->table(mailbox_path, false).error().message(),
              "the memory file from doed is not sealed");
}

TEST(ReadingATable, RefusesAFileLongerThanAnyTable) {
    Connected client(
        Handlers{{"GetTable", error_reply("org.doed1.Error.TooLarge")},
                 {"GetTableFd", file_reply(cdat::max_table_size_bytes + 1, all_seals)}});
    EXPECT_EQ(client->table(mailbox_path, false).error().message(),
              "the memory file from doed is longer than any table");
}

TEST(ReadingATable, RefusesADescriptorThatIsNoMemoryFile) {
    Connected client(Handlers{{"GetTable", error_reply("org.doed1.Error.TooLarge")},
                              {"GetTableFd", [](sd_bus_message* call) {
                                   return sd_bus_reply_method_return(call, "h", STDERR_FILENO);
                               }}});
    EXPECT_EQ(client->table(mailbox_path, false).error().message(),
              "the memory file from doed is not sealed");
}

TEST(ReadingATable, KeepsTheNameOfAnyOtherError) {
    Connected client(Handlers{{"GetTable", error_reply("org.doed1.Error.KernelOwned")}});
    const auto bytes = client->table(mailbox_path, true);
    ASSERT_FALSE(bytes);
    EXPECT_EQ(bytes.error().kind(), FailureKind::refused);
    EXPECT_EQ(bytes.error().dbus_name(), "org.doed1.Error.KernelOwned");
    EXPECT_EQ(bytes.error().message(), "because");
}

TEST(ReadingTheCdatProperties, AsksForThatInterface) {
    Connected client(Handlers{{"GetAll", [](sd_bus_message* call) {
                                   const char* interface = "";
                                   sd_bus_message_read(call, "s", &interface);
                                   return sd_bus_reply_method_return(call, "a{sv}", 1, "Source",
                                                                     "s", interface);
                               }}});
    const auto record = client->cdat(mailbox_path);
    ASSERT_TRUE(record);
    EXPECT_EQ(record->source, "org.doed1.Cdat");
}

TEST(ACall, ThatIsNotAnsweredTimesOut) {
    Connected client(Handlers{}, 10ms);
    const auto devices = client->devices();
    ASSERT_FALSE(devices);
    EXPECT_EQ(devices.error().kind(), FailureKind::timed_out);
}

TEST(ACall, OnAConnectionThatEndsSaysThatItBroke) {
    std::optional<PeerDaemon> peer(Handlers{});
    BusClient client(peer->connect(), BusPlace("system"), 10s);
    peer.reset();
    const auto devices = client.devices();
    ASSERT_FALSE(devices);
    EXPECT_EQ(devices.error().kind(), FailureKind::no_daemon);
    EXPECT_EQ(devices.error().message(), "the connection to the system bus broke");
}

TEST(ACallOnAnotherBus, DoesNotAdviseSystemctl) {
    PeerDaemon peer(
        Handlers{{"GetManagedObjects", error_reply("org.freedesktop.DBus.Error.ServiceUnknown")}});
    BusClient client(peer.connect(), BusPlace("session"), 10s);
    const auto devices = client.devices();
    ASSERT_FALSE(devices);
    EXPECT_EQ(devices.error().kind(), FailureKind::no_daemon);
    EXPECT_THAT(devices.error().advice(), HasSubstr("is doed running on the session bus?"));
}

TEST(OpeningABus, ThatIsNoneIsWrongUsage) {
    const auto bus = open_bus(BusPlace("sytem"), 1s);
    ASSERT_FALSE(bus);
    EXPECT_EQ(bus.error().kind(), FailureKind::usage);
}

TEST(OpeningABus, WhereNobodyListensFindsNoDaemon) {
    const auto bus = open_bus(BusPlace("unix:path=/nonexistent/bus"), 1s);
    ASSERT_FALSE(bus);
    EXPECT_EQ(bus.error().kind(), FailureKind::no_daemon);
    EXPECT_THAT(
        bus.error().line(),
        HasSubstr(
            "cannot connect to the bus at unix:path=/nonexistent/bus: No such file or directory"));
}

}  // namespace
}  // namespace doed::client
