// SPDX-License-Identifier: Apache-2.0
#include "base/read_file.hpp"

#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <string>
#include <system_error>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

namespace doed::base {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class AFile : public testing::Test {
protected:
    AFile() {
        std::string path = (std::filesystem::temp_directory_path() / "doed-base-XXXXXX").string();
        if (::mkdtemp(path.data()) == nullptr) {
            throw std::runtime_error("cannot create " + path);
        }
        directory_ = path;
    }
    ~AFile() override {
        std::error_code ignored;
        std::filesystem::remove_all(directory_, ignored);
    }

    [[nodiscard]] std::filesystem::path write(const std::string& text) const {
        const auto path = directory_ / "file";
        std::ofstream(path, std::ios::binary) << text;
        return path;
    }

    std::filesystem::path directory_;
};

TEST_F(AFile, IsReadByteForByte) {
    EXPECT_THAT(read_file(write(std::string("a\0\n\xff", 4)), 100).value(),
                ElementsAre('a', 0, '\n', 0xFF));
    EXPECT_THAT(read_file(write(""), 100).value(), IsEmpty());
}

TEST_F(AFile, MayBeAsLongAsAllowedButNotLonger) {
    const auto path = write(std::string(40000, 'x'));
    EXPECT_EQ(read_file(path, 40000).value().size(), 40000U);
    const auto longer = read_file(path, 39999);
    ASSERT_FALSE(longer);
    EXPECT_EQ(longer.error().code(), Errc::too_large);
    EXPECT_THAT(longer.error().context(), HasSubstr("more than 39999 bytes"));
}

TEST_F(AFile, ThatDoesNotExistIsNotFoundByItsPath) {
    const auto path = directory_ / "absent";
    const auto bytes = read_file(path, 100);
    ASSERT_FALSE(bytes);
    EXPECT_EQ(bytes.error().code(), Errc::not_found);
    EXPECT_THAT(bytes.error().context(), HasSubstr(path.string()));
}

TEST_F(AFile, ThatIsNotARegularOneIsRefusedWithoutBlocking) {
    const auto pipe = directory_ / "pipe";
    ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
    for (const auto& path : {pipe, directory_, std::filesystem::path("/dev/zero")}) {
        SCOPED_TRACE(path);
        const auto bytes = read_file(path, 100);
        ASSERT_FALSE(bytes);
        EXPECT_EQ(bytes.error().code(), Errc::io);
        EXPECT_THAT(bytes.error().context(), HasSubstr("not a regular file"));
    }
}

}  // namespace
}  // namespace doed::base
