// SPDX-License-Identifier: Apache-2.0
#include "client/render_table.hpp"

#include "samples.hpp"

#include <gtest/gtest.h>

namespace doed::client {
namespace {

TEST(TheDeviceList, HasALinePerMailbox) {
    EXPECT_EQ(
        render_device_list(samples::host(), true),
        "DEVICE         ID         DRIVER   MAILBOX  STATE  OWNER   COMPLETION  FEATURES\n"
        "0000:0d:00.0   8086:0d93  cxl_pci  190      idle   daemon  poll        CXL Table "
        "Access (CDAT)\n"
        "0000:0e:00.0   1af4:10f0  -        190      idle   daemon  poll        DOE Discovery\n"
        "0000:0e:00.0   1af4:10f0  -        1a0      dead   daemon  poll        1af4:05\n"
        "10000:01:00.0  0000:0000  -        100      idle   daemon  poll        CXL Table "
        "Access (CDAT)\n"
        "10000:01:00.0  0000:0000  -        200      idle   daemon  poll        CXL Table "
        "Access (CDAT)\n"
        "\n"
        "3 devices, 5 mailboxes.\n");
}

TEST(TheDeviceList, WithoutLegendHasNothingElse) {
    const DeviceRecord devices[] = {samples::memory_device()};
    EXPECT_EQ(render_device_list(devices, false),
              "0000:0d:00.0  8086:0d93  cxl_pci  190  idle  daemon  poll  CXL Table "
              "Access (CDAT)\n");
    EXPECT_EQ(render_device_list({}, false), "");
}

TEST(TheDeviceList, SaysThatThereIsNothing) {
    EXPECT_EQ(render_device_list({}, true), "doed knows no device with a DOE mailbox.\n");
}

TEST(TheDeviceList, ShowsADeviceWithoutMailboxes) {
    auto device = samples::memory_device();
    device.mailboxes.clear();
    const DeviceRecord devices[] = {device};
    EXPECT_EQ(render_device_list(devices, false), "0000:0d:00.0  8086:0d93  cxl_pci  -\n");
}

TEST(ADevicePage, TellsEverythingWithItsUnits) {
    EXPECT_EQ(
        render_device(samples::memory_device()),
        "Device 0000:0d:00.0\n"
        "  Vendor, device    8086:0d93\n"
        "  Subsystem         1af4:1100\n"
        "  Class             050210\n"
        "  Driver            cxl_pci\n"
        "  NUMA node         0\n"
        "  IOMMU group       12\n"
        "\n"
        "Mailbox 0000:0d:00.0/190\n"
        "  State             idle\n"
        "  Owner             daemon\n"
        "  Owner reason      no kernel user of DOE on this device\n"
        "  Backend           sysfs\n"
        "  Completion        poll\n"
        "  Version           2\n"
        "  Features          0001:00  DOE Discovery\n"
        "                    1e98:02  CXL Table Access (CDAT)\n"
        "  Queue             0 requests\n"
        "  Exchanges         9 answered, 0 failed (0 timed out), 0 aborts\n"
        "  Waits ended       0 by interrupt, 17 by poll\n"
        "  Config accesses   126 dwords read, 46 written\n"
        "  Last error        -\n"
        "  CDAT              160 bytes, revision 1, sequence 3, checksum ok, from the mailbox\n");
}

TEST(ADevicePage, ShowsWhatIsMissingAndMakesTextsPrintable) {
    auto device = samples::two_mailboxes();
    device.mailboxes.erase(device.mailboxes.begin());
    EXPECT_EQ(render_device(device),
              "Device 0000:0e:00.0\n"
              "  Vendor, device    1af4:10f0\n"
              "  Class             0b4000\n"
              "  Driver            -\n"
              "  NUMA node         -\n"
              "  IOMMU group       -\n"
              "\n"
              "Mailbox 0000:0e:00.0/1a0\n"
              "  State             dead\n"
              "  Owner             daemon\n"
              "  Owner reason      red\\x1b[31m\\x0anext line\n"
              "  Backend           sysfs\n"
              "  Completion        poll\n"
              "  Version           2\n"
              "  Features          0001:00  DOE Discovery\n"
              "                    1af4:05  -\n"
              "  Queue             1 request\n"
              "  Exchanges         0 answered, 3 failed (2 timed out), 4 aborts\n"
              "  Waits ended       0 by interrupt, 0 by poll\n"
              "  Config accesses   0 dwords read, 0 written\n"
              "  Last error        the mailbox does not react to abort\n");
}

TEST(ADevicePage, TellsThatATableWasNotReadYetOrIsBad) {
    auto device = samples::memory_device();
    device.mailboxes[0].cdat = CdatRecord{};
    EXPECT_NE(render_device(device).find("  CDAT              not read yet\n"), std::string::npos);
    device.mailboxes[0].cdat = CdatRecord{1, 1, 0, false, "kernel", {"one", "two"}};
    EXPECT_NE(render_device(device).find(
                  "1 byte, revision 1, sequence 0, checksum BAD, from the kernel, 2 problems\n"),
              std::string::npos);
}

TEST(TheFeatureList, HasALinePerProtocol) {
    const Feature features[] = {samples::discovery(), samples::vendor_protocol()};
    EXPECT_EQ(render_features(features, true),
              "PROTOCOL  NAME\n"
              "0001:00   DOE Discovery\n"
              "1af4:05   -\n"
              "\n"
              "2 protocols.\n");
    EXPECT_EQ(render_features(features, false),
              "0001:00  DOE Discovery\n"
              "1af4:05  -\n");
}

}  // namespace
}  // namespace doed::client
