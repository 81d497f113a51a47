// SPDX-License-Identifier: Apache-2.0
#include "client/message_reader.hpp"

#include <cerrno>
#include <string_view>
#include <utility>

namespace doed::client {

bool MessageReader::enter(char container, const char* contents) {
    if (!ok_) {
        return false;
    }
    const int result = sd_bus_message_enter_container(message_, container, contents);
    accept(result);
    return result > 0;
}

void MessageReader::leave() {
    if (ok_) {
        accept(sd_bus_message_exit_container(message_));
    }
}

std::string MessageReader::text(char type) {
    const char* value = basic<const char*>(type);
    return value != nullptr ? value : std::string{};
}

std::vector<std::string> MessageReader::texts() {
    std::vector<std::string> all;
    if (enter('a', "s")) {
        while (ok_ && sd_bus_message_at_end(message_, 0) == 0) {
            all.push_back(text());
        }
        leave();
    }
    return all;
}

std::vector<Feature> MessageReader::features() {
    std::vector<Feature> all;
    if (enter('a', "(qys)")) {
        while (enter('r', "qys")) {
            Feature feature;
            feature.vendor_id = u16();
            feature.object_type = u8();
            feature.name = text();
            all.push_back(std::move(feature));
            leave();
        }
        leave();
    }
    return all;
}

PropertyMap MessageReader::properties() {
    PropertyMap all;
    if (enter('a', "{sv}")) {
        while (enter('e', "sv")) {
            std::string name = text();
            all.insert_or_assign(std::move(name), variant());
            leave();
        }
        leave();
    }
    return all;
}

std::vector<std::uint8_t> MessageReader::bytes() {
    const void* data = nullptr;
    std::size_t size = 0;
    if (ok_) {
        accept(sd_bus_message_read_array(message_, 'y', &data, &size) > 0 ? 1 : -EBADMSG);
    }
    if (!ok_ || size == 0) {
        return {};
    }
    const std::span content(static_cast<const std::uint8_t*>(data), size);
    return {content.begin(), content.end()};
}

PropertyValue MessageReader::variant() {
    char type = 0;
    const char* contents = nullptr;
    if (!ok_ || sd_bus_message_peek_type(message_, &type, &contents) <= 0 || type != 'v') {
        ok_ = false;
        return {};
    }
    const std::string signature = contents;
    if (!enter('v', signature.c_str())) {
        ok_ = false;
        return {};
    }
    PropertyValue value;
    if (signature == "b") {
        value = basic<int>('b') != 0;
    } else if (signature == "y") {
        value = u8();
    } else if (signature == "q") {
        value = u16();
    } else if (signature == "u") {
        value = u32();
    } else if (signature == "t") {
        value = u64();
    } else if (signature == "i") {
        value = i32();
    } else if (signature == "s") {
        value = text();
    } else if (signature == "as") {
        value = texts();
    } else if (signature == "a(qys)") {
        value = features();
    } else {
        skip(signature.c_str());
    }
    leave();
    return value;
}

}  // namespace doed::client
