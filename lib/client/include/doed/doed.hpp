/* SPDX-License-Identifier: Apache-2.0 */
//
// libdoed for C++20 and later: doed/doed.h with owners, ranges and results in place of references, macros and errno. Only a
// header; what is linked is the C library, so that programs and it may be built with different compilers.
//
//     auto context = doed::Context::open();
//     auto snapshot = context ? context->snapshot() : context.error();
//     for (const auto device : snapshot.value().devices())
//         for (const auto mailbox : device.mailboxes())
//             std::cout << device.address() << ' ' << mailbox.state() << '\n';
//
// Functions return a doed::Result and throw nothing but what allocating memory throws. Handles own one reference, can be moved and
// not copied. Devices, mailboxes and texts belong to what they were asked of. Threads: as doed/doed.h says.
#ifndef DOED_DOED_HPP
#define DOED_DOED_HPP

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <doed/doed.h>

#if __cplusplus < 202002L
#error "doed/doed.hpp needs C++20"
#endif
#if defined(__clang__) && defined(__GLIBCXX__) && __clang_major__ < 16
#error "doed/doed.hpp needs clang 16 or later: earlier ones do not take the ranges of libstdc++"
#endif

namespace doed {

/// Why something failed.
class Error {
public:
    explicit Error(int error, std::string name = {}, std::string message = {})
        : error_(error < 0 ? -error : error),
          name_(std::move(name)),
          message_(message.empty() ? std::system_category().message(error_) : std::move(message)) {}

    /// A positive errno value: EBUSY, ESRCH, ... See doed_error_to_errno().
    [[nodiscard]] int number() const noexcept { return error_; }
    [[nodiscard]] std::error_code code() const noexcept { return {error_, std::system_category()}; }
    /// "org.doed1.Error.KernelOwned"; empty for what did not come over the bus.
    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] const std::string& message() const noexcept { return message_; }

private:
    int error_;
    std::string name_;
    std::string message_;
};

/// What Result::value() throws in place of an error.
class Failed : public std::system_error {
public:
    explicit Failed(const Error& error)
        : std::system_error(error.code(), error.message()), error_(error) {}

    [[nodiscard]] const Error& error() const noexcept { return error_; }

private:
    Error error_;
};

/// Nothing, of a function that may fail.
struct Done {};

/// A value or an Error.
template <typename T>
class [[nodiscard]] Result {
public:
    using value_type = T;

    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

    [[nodiscard]] bool has_value() const noexcept { return state_.index() == 0; }
    explicit operator bool() const noexcept { return has_value(); }

    // Only with a value.
    [[nodiscard]] T& operator*() & noexcept { return *std::get_if<0>(&state_); }
    [[nodiscard]] const T& operator*() const& noexcept { return *std::get_if<0>(&state_); }
    [[nodiscard]] T&& operator*() && noexcept { return std::move(*std::get_if<0>(&state_)); }
    [[nodiscard]] T* operator->() noexcept { return std::get_if<0>(&state_); }
    [[nodiscard]] const T* operator->() const noexcept { return std::get_if<0>(&state_); }

    /// Only without.
    [[nodiscard]] const Error& error() const noexcept { return *std::get_if<1>(&state_); }

    /// Throws Failed without one.
    T& value() & {
        check();
        return **this;
    }
    const T& value() const& {
        check();
        return **this;
    }
    T value() && {
        check();
        return std::move(**this);
    }

private:
    void check() const {
        if (!has_value()) {
            throw Failed(error());
        }
    }

    std::variant<T, Error> state_;
};

namespace detail {

template <auto Unref>
struct Releaser {
    template <typename T>
    void operator()(T* handle) const noexcept {
        Unref(handle);
    }
};

/// One reference.
template <typename T, auto Unref>
using Handle = std::unique_ptr<T, Releaser<Unref>>;

/// A list of handles, from one to its next.
template <typename View, auto Next>
class Chain : public std::ranges::view_interface<Chain<View, Next>> {
public:
    using Raw = decltype(std::declval<View>().get());

    class Iterator {
    public:
        using iterator_concept = std::forward_iterator_tag;
        using iterator_category = std::input_iterator_tag;
        using value_type = View;
        using difference_type = std::ptrdiff_t;
        using pointer = void;
        using reference = View;

        Iterator() = default;
        explicit Iterator(Raw at) noexcept : at_(at) {}
        View operator*() const noexcept { return View(at_); }
        Iterator& operator++() noexcept {
            at_ = Next(at_);
            return *this;
        }
        Iterator operator++(int) noexcept {
            Iterator before = *this;
            ++*this;
            return before;
        }
        friend bool operator==(const Iterator&, const Iterator&) = default;

    private:
        Raw at_ = nullptr;
    };

    explicit Chain(Raw first) noexcept : first_(first) {}
    [[nodiscard]] Iterator begin() const noexcept { return Iterator(first_); }
    [[nodiscard]] Iterator end() const noexcept { return Iterator(); }

private:
    Raw first_;
};

/// What a function gives out by index, until it says that there is no more.
template <typename Item, typename Get>
class Indexed : public std::ranges::view_interface<Indexed<Item, Get>> {
public:
    class Iterator {
    public:
        using iterator_concept = std::input_iterator_tag;
        using value_type = Item;
        using difference_type = std::ptrdiff_t;

        explicit Iterator(const Get& get) : get_(get) { fetch(); }
        const Item& operator*() const noexcept { return item_; }
        const Item* operator->() const noexcept { return &item_; }
        Iterator& operator++() {
            ++index_;
            fetch();
            return *this;
        }
        void operator++(int) { ++*this; }
        friend bool operator==(const Iterator& at, std::default_sentinel_t) noexcept {
            return at.at_end_;
        }

    private:
        void fetch() {
            item_.size = sizeof item_;
            at_end_ = get_(index_, &item_) != 0;
        }

        Get get_;
        std::size_t index_ = 0;
        Item item_{};
        bool at_end_ = false;
    };

    explicit Indexed(Get get) : get_(std::move(get)) {}
    [[nodiscard]] Iterator begin() const { return Iterator(get_); }
    [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

private:
    Get get_;
};

// Functions of doed/cdat.h with what they are asked of. Not lambdas, which cannot be assigned.
template <typename Item, auto Get>
struct Of {
    const doed_cdat* cdat;
    int operator()(std::size_t index, Item* item) const noexcept { return Get(cdat, index, item); }
};
template <typename Item, auto Get>
struct OfInner {
    const doed_cdat* cdat;
    std::size_t outer;
    int operator()(std::size_t index, Item* item) const noexcept {
        return Get(cdat, outer, index, item);
    }
};

}  // namespace detail

/// A protocol that a mailbox offers.
struct Feature {
    std::uint16_t vendor_id = 0;
    std::uint8_t object_type = 0;
    std::string_view name;  ///< empty when doed does not know it
};

/// A list of protocols; keeps it alive.
class Features {
public:
    explicit Features(doed_features* owned) noexcept : handle_(owned) {}

    [[nodiscard]] doed_features* get() const noexcept { return handle_.get(); }
    [[nodiscard]] std::size_t size() const noexcept { return doed_features_count(get()); }
    [[nodiscard]] bool empty() const noexcept { return size() == 0; }
    [[nodiscard]] Feature operator[](std::size_t index) const noexcept {
        return {doed_features_vendor_id(get(), index), doed_features_object_type(get(), index),
                doed_features_name(get(), index)};
    }
    [[nodiscard]] auto all() const {
        return std::views::iota(std::size_t{0}, size()) |
               std::views::transform([list = get()](std::size_t index) {
                   return Feature{doed_features_vendor_id(list, index),
                                  doed_features_object_type(list, index),
                                  doed_features_name(list, index)};
               });
    }

private:
    detail::Handle<doed_features, doed_features_unref> handle_;
};

/// What doed tells about its copy of a CDAT.
class CdatStatus {
public:
    explicit CdatStatus(doed_cdat_status* owned) noexcept : handle_(owned) {}

    [[nodiscard]] doed_cdat_status* get() const noexcept { return handle_.get(); }
    [[nodiscard]] std::uint32_t length_bytes() const noexcept {
        return doed_cdat_status_length(get());
    }
    [[nodiscard]] std::uint8_t revision() const noexcept {
        return doed_cdat_status_revision(get());
    }
    [[nodiscard]] std::uint32_t sequence() const noexcept {
        return doed_cdat_status_sequence(get());
    }
    [[nodiscard]] bool checksum_valid() const noexcept {
        return doed_cdat_status_checksum_valid(get());
    }
    [[nodiscard]] std::string_view source() const noexcept {
        return doed_cdat_status_source(get());
    }
    [[nodiscard]] std::vector<std::string> problems() const {
        std::vector<std::string> all;
        for (std::size_t i = 0; i < doed_cdat_status_problem_count(get()); ++i) {
            all.emplace_back(doed_cdat_status_problem(get(), i));
        }
        return all;
    }

private:
    detail::Handle<doed_cdat_status, doed_cdat_status_unref> handle_;
};

class Device;

/// One in a snapshot, which has to outlive it.
class Mailbox {
public:
    explicit Mailbox(doed_mailbox* mailbox) noexcept : mailbox_(mailbox) {}

    [[nodiscard]] doed_mailbox* get() const noexcept { return mailbox_; }
    /// What the calls of a Context take.
    [[nodiscard]] const char* path() const noexcept { return doed_mailbox_path(mailbox_); }
    [[nodiscard]] Device device() const noexcept;
    [[nodiscard]] std::uint16_t offset() const noexcept { return doed_mailbox_offset(mailbox_); }
    [[nodiscard]] std::uint8_t capability_version() const noexcept {
        return doed_mailbox_capability_version(mailbox_);
    }
    [[nodiscard]] std::string_view state() const noexcept { return doed_mailbox_state(mailbox_); }
    [[nodiscard]] std::string_view owner() const noexcept { return doed_mailbox_owner(mailbox_); }
    [[nodiscard]] std::string_view owner_reason() const noexcept {
        return doed_mailbox_owner_reason(mailbox_);
    }
    [[nodiscard]] std::string_view backend() const noexcept {
        return doed_mailbox_backend(mailbox_);
    }
    [[nodiscard]] std::string_view completion() const noexcept {
        return doed_mailbox_completion(mailbox_);
    }
    [[nodiscard]] std::string_view last_error() const noexcept {
        return doed_mailbox_last_error(mailbox_);
    }
    [[nodiscard]] std::uint32_t queue_length() const noexcept {
        return doed_mailbox_queue_length(mailbox_);
    }
    [[nodiscard]] std::uint64_t counter(doed_counter which) const noexcept {
        return doed_mailbox_counter(mailbox_, which);
    }
    [[nodiscard]] Features features() const noexcept {
        return Features(doed_features_ref(doed_mailbox_features(mailbox_)));
    }
    [[nodiscard]] bool offers_cdat() const noexcept {
        return doed_mailbox_cdat_status(mailbox_) != nullptr;
    }
    /// Nothing when it offers none.
    [[nodiscard]] std::optional<CdatStatus> cdat_status() const {
        return offers_cdat()
                   ? std::optional<CdatStatus>(
                         std::in_place, doed_cdat_status_ref(doed_mailbox_cdat_status(mailbox_)))
                   : std::nullopt;
    }

private:
    doed_mailbox* mailbox_;
};

/// One in a snapshot, which has to outlive it.
class Device {
public:
    explicit Device(doed_device* device) noexcept : device_(device) {}

    [[nodiscard]] doed_device* get() const noexcept { return device_; }
    [[nodiscard]] const char* path() const noexcept { return doed_device_path(device_); }
    [[nodiscard]] std::string_view address() const noexcept { return doed_device_address(device_); }
    [[nodiscard]] std::uint16_t vendor_id() const noexcept {
        return doed_device_vendor_id(device_);
    }
    [[nodiscard]] std::uint16_t device_id() const noexcept {
        return doed_device_device_id(device_);
    }
    [[nodiscard]] std::uint16_t subsystem_vendor_id() const noexcept {
        return doed_device_subsystem_vendor_id(device_);
    }
    [[nodiscard]] std::uint16_t subsystem_id() const noexcept {
        return doed_device_subsystem_id(device_);
    }
    [[nodiscard]] std::uint32_t class_code() const noexcept {
        return doed_device_class_code(device_);
    }
    [[nodiscard]] std::string_view driver() const noexcept { return doed_device_driver(device_); }
    [[nodiscard]] std::int32_t numa_node() const noexcept { return doed_device_numa_node(device_); }
    [[nodiscard]] std::int32_t iommu_group() const noexcept {
        return doed_device_iommu_group(device_);
    }

    [[nodiscard]] auto mailboxes() const noexcept {
        return detail::Chain<Mailbox, doed_mailbox_next>(doed_mailbox_first(device_));
    }
    [[nodiscard]] std::optional<Mailbox> find(std::uint16_t offset) const noexcept {
        auto* found = doed_device_find_mailbox(device_, offset);
        return found != nullptr ? std::optional(Mailbox(found)) : std::nullopt;
    }

private:
    doed_device* device_;
};

inline Device Mailbox::device() const noexcept {
    return Device(doed_mailbox_device(mailbox_));
}

/// All devices as they were at one moment.
class Snapshot {
public:
    explicit Snapshot(doed_snapshot* owned) noexcept : handle_(owned) {}

    [[nodiscard]] doed_snapshot* get() const noexcept { return handle_.get(); }
    [[nodiscard]] auto devices() const noexcept {
        return detail::Chain<Device, doed_device_next>(doed_device_first(get()));
    }
    /// "0000:0d:00.0" or "0d:00.0".
    [[nodiscard]] std::optional<Device> find(const std::string& address) const noexcept {
        auto* found = doed_snapshot_find_device(get(), address.c_str());
        return found != nullptr ? std::optional(Device(found)) : std::nullopt;
    }

private:
    detail::Handle<doed_snapshot, doed_snapshot_unref> handle_;
};

/// doed itself.
class Manager {
public:
    explicit Manager(doed_manager* owned) noexcept : handle_(owned) {}

    [[nodiscard]] doed_manager* get() const noexcept { return handle_.get(); }
    [[nodiscard]] std::string_view version() const noexcept { return doed_manager_version(get()); }
    [[nodiscard]] std::string_view lockdown() const noexcept {
        return doed_manager_lockdown(get());
    }
    [[nodiscard]] Features allowed_protocols() const noexcept {
        return Features(doed_features_ref(doed_manager_allowed_protocols(get())));
    }

private:
    detail::Handle<doed_manager, doed_manager_unref> handle_;
};

/// The amount of a latency in picoseconds or a bandwidth in MB/s, where one is given.
[[nodiscard]] inline std::optional<std::uint64_t> amount(const doed_value& value) noexcept {
    return doed_value_given(value) ? std::optional(value.amount) : std::nullopt;
}

/// A decoded CDAT. The ranges yield structures of doed/cdat.h, and must not outlive it.
class Cdat {
public:
    explicit Cdat(doed_cdat* owned) noexcept : handle_(owned) {}

    /// Any bytes, of at most 1 MiB.
    [[nodiscard]] static Result<Cdat> parse(std::span<const std::uint8_t> bytes) {
        doed_cdat* cdat = nullptr;
        const int error = doed_cdat_parse(bytes.data(), bytes.size(), &cdat);
        return error < 0 ? Result<Cdat>(Error(error)) : Result<Cdat>(Cdat(cdat));
    }

    [[nodiscard]] doed_cdat* get() const noexcept { return handle_.get(); }
    [[nodiscard]] std::span<const std::uint8_t> bytes() const noexcept {
        std::size_t size = 0;
        const auto* data = doed_cdat_bytes(get(), &size);
        return {data, size};
    }
    [[nodiscard]] doed_table_header header() const noexcept {
        doed_table_header header{};
        header.size = sizeof header;
        doed_cdat_header(get(), &header);
        return header;
    }

private:
    template <typename Item, auto Get>
    [[nodiscard]] auto list() const {
        return detail::Indexed<Item, detail::Of<Item, Get>>({get()});
    }
    template <typename Item, auto Get>
    [[nodiscard]] auto inner(std::size_t outer) const {
        return detail::Indexed<Item, detail::OfInner<Item, Get>>({get(), outer});
    }

public:
    [[nodiscard]] auto problems() const { return list<doed_table_problem, doed_cdat_problem>(); }
    [[nodiscard]] auto structures() const {
        return list<doed_table_structure, doed_cdat_structure>();
    }
    // The summary.
    [[nodiscard]] auto ranges() const { return list<doed_memory_range, doed_cdat_range>(); }
    [[nodiscard]] auto caches(std::size_t range) const {
        return inner<doed_cache, doed_cdat_range_cache>(range);
    }
    [[nodiscard]] auto parts(std::size_t range) const {
        return inner<doed_dsemts, doed_cdat_range_part>(range);
    }
    [[nodiscard]] auto initiators() const { return list<doed_initiator, doed_cdat_initiator>(); }
    [[nodiscard]] auto port_pairs() const { return list<doed_port_pair, doed_cdat_port_pair>(); }
    // The structures by type.
    [[nodiscard]] auto dsmas() const { return list<doed_dsmas, doed_cdat_dsmas>(); }
    [[nodiscard]] auto dslbis() const { return list<doed_dslbis, doed_cdat_dslbis>(); }
    [[nodiscard]] auto dsmscis() const { return list<doed_dsmscis, doed_cdat_dsmscis>(); }
    [[nodiscard]] auto dsis() const { return list<doed_dsis, doed_cdat_dsis>(); }
    [[nodiscard]] auto dsemts() const { return list<doed_dsemts, doed_cdat_dsemts>(); }
    [[nodiscard]] auto sslbis() const { return list<doed_sslbis, doed_cdat_sslbis>(); }
    [[nodiscard]] auto entries(std::size_t sslbis) const {
        return inner<doed_sslbis_entry, doed_cdat_sslbis_entry>(sslbis);
    }

private:
    detail::Handle<doed_cdat, doed_cdat_unref> handle_;
};

/// Of a doed_release(): given back when it is closed, by its end or before. The descriptor may be handed on.
class Lease {
public:
    explicit Lease(int owned_fd) noexcept : fd_(owned_fd) {}
    Lease(Lease&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Lease& operator=(Lease&& other) noexcept {
        // The one before is given back now, not when `other` ends.
        Lease taken(std::move(other));
        std::swap(fd_, taken.fd_);
        return *this;
    }
    ~Lease();

    [[nodiscard]] int fd() const noexcept { return fd_; }
    [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }

private:
    int fd_;
};

}  // namespace doed

#include <doed/context.hpp>

#endif
