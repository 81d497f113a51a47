// SPDX-License-Identifier: Apache-2.0
//
// The interrupt vectors of a function taken through VFIO, over a fake kernel.
#include "pci/vfio_device.hpp"
#include "support/fake_vfio_host.hpp"

#include <array>
#include <cerrno>
#include <memory>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace doed::pci {
namespace {

using base::Errc;
using testing::AllOf;
using testing::HasSubstr;

class AVfioVector : public testing::Test {
protected:
    void SetUp() override {
        host_.add_cdev();
        auto device = host_.open();
        ASSERT_TRUE(device.has_value()) << device.error().message();
        device_ = std::move(*device);
    }
    [[nodiscard]] test::FakeVfioKernel& kernel() { return host_.kernel; }
    [[nodiscard]] static std::uint64_t rings(const base::UniqueFd& eventfd) {
        std::uint64_t count = 0;
        return ::read(eventfd.get(), &count, sizeof(count)) == sizeof(count) ? count : 0;
    }

    test::FakeVfioHost host_;
    std::shared_ptr<VfioDevice> device_;
    base::UniqueFd first_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    base::UniqueFd third_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
};

class AVfioInterrupt : public AVfioVector, public testing::WithParamInterface<VfioInterrupt> {};

TEST_P(AVfioInterrupt, RingsTheEventfdOfItsVectorUntilItIsDisarmed) {
    kernel().has_vectors(GetParam(), 3);
    kernel().config(0x04) = 0x00100006;
    EXPECT_EQ(device_->vector_count(GetParam()), 3U);
    const std::array eventfds{first_.get(), -1, third_.get()};
    ASSERT_TRUE(device_->arm(GetParam(), eventfds).has_value());
    EXPECT_TRUE(kernel().ring(GetParam(), 2));
    EXPECT_EQ(rings(first_), 0U);
    EXPECT_EQ(rings(third_), 1U);
    EXPECT_FALSE(kernel().ring(GetParam(), 1));
    ASSERT_TRUE(device_->disarm(GetParam()).has_value());
    EXPECT_FALSE(kernel().ring(GetParam(), 0));
}

TEST_P(AVfioInterrupt, ThatIsNotArmedMayBeDisarmed) {
    kernel().has_vectors(GetParam(), 1);
    EXPECT_TRUE(device_->disarm(GetParam()).has_value());
}

TEST_P(AVfioInterrupt, ThatTheFunctionLacksHasNoVectors) {
    EXPECT_EQ(device_->vector_count(GetParam()), 0U);
    EXPECT_FALSE(device_->arm(GetParam(), std::array{first_.get()}).has_value());
}

std::string name_of_kind(const testing::TestParamInfo<VfioInterrupt>& row) {
    static constexpr std::array names{"Msi", "Msix", "Error", "Request"};
    return names.at(static_cast<std::size_t>(row.param));
}

INSTANTIATE_TEST_SUITE_P(Kinds, AVfioInterrupt,
                         testing::Values(VfioInterrupt::msi, VfioInterrupt::msix,
                                         VfioInterrupt::error, VfioInterrupt::request),
                         name_of_kind);

TEST_F(AVfioVector, IsNotThereWhenTheKernelCannotTell) {
    kernel().has_vectors(VfioInterrupt::msix, 4);
    kernel().fail("irq-info msix", EINVAL);
    EXPECT_EQ(device_->vector_count(VfioInterrupt::msix), 0U);
}

/// The kernel then arms none, and says how many there are instead of an error.
TEST_F(AVfioVector, IsNotArmedWhenTheHostHasFewerVectorsLeft) {
    kernel().has_vectors(VfioInterrupt::msi, 4);
    kernel().vectors_available = 1;
    const auto armed = device_->arm(VfioInterrupt::msi, std::array{first_.get(), -1, -1, -1});
    ASSERT_FALSE(armed.has_value());
    EXPECT_EQ(armed.error().code(), Errc::not_supported);
    EXPECT_THAT(armed.error().message(), AllOf(HasSubstr("0000:0d:00.0"), HasSubstr("1 of 4")));
}

TEST_F(AVfioVector, ThatCannotBeArmedOrDisarmedSaysWhy) {
    kernel().has_vectors(VfioInterrupt::msix, 1);
    kernel().fail("set-irqs msix", EBUSY);
    EXPECT_EQ(device_->arm(VfioInterrupt::msix, std::array{first_.get()}).error().code(),
              Errc::busy);
    kernel().mend("set-irqs msix");
    ASSERT_TRUE(device_->arm(VfioInterrupt::msix, std::array{first_.get()}).has_value());
    kernel().fail("unset-irqs msix", EIO);
    const auto disarmed = device_->disarm(VfioInterrupt::msix);
    EXPECT_THAT(disarmed.error().message(), AllOf(HasSubstr("0000:0d:00.0"), HasSubstr("disarming"),
                                                  HasSubstr("Input/output")));
}

}  // namespace
}  // namespace doed::pci
