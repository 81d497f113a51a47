// SPDX-License-Identifier: Apache-2.0
//
// Things that C counts references of. They begin with one reference, which is their maker's.
#pragma once

#include <atomic>
#include <utility>

namespace doed::client {

class Shared {
public:
    Shared() = default;
    Shared(const Shared&) = delete;
    Shared& operator=(const Shared&) = delete;

    void hold() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
    /// Whether this was the last reference.
    [[nodiscard]] bool drop() noexcept {
        return references_.fetch_sub(1, std::memory_order_acq_rel) == 1;
    }

protected:
    ~Shared() = default;

private:
    std::atomic<unsigned int> references_ = 1;
};

template <typename T>
T* hold(T* thing) noexcept {
    if (thing != nullptr) {
        thing->hold();
    }
    return thing;
}

/// Returns nullptr, as all functions of C that do this.
template <typename T>
T* drop(T* thing) noexcept {
    if (thing != nullptr && thing->drop()) {
        delete thing;
    }
    return nullptr;
}

/// One reference.
template <typename T>
class Ref {
public:
    Ref() = default;
    /// Takes the reference over.
    explicit Ref(T* owned) noexcept : thing_(owned) {}
    Ref(const Ref& other) noexcept : thing_(client::hold(other.thing_)) {}
    Ref(Ref&& other) noexcept : thing_(std::exchange(other.thing_, nullptr)) {}
    Ref& operator=(Ref other) noexcept {
        std::swap(thing_, other.thing_);
        return *this;
    }
    ~Ref() { client::drop(thing_); }

    [[nodiscard]] static Ref to(T& thing) noexcept { return Ref(client::hold(&thing)); }

    [[nodiscard]] T* get() const noexcept { return thing_; }
    [[nodiscard]] T* release() noexcept { return std::exchange(thing_, nullptr); }
    T* operator->() const noexcept { return thing_; }
    T& operator*() const noexcept { return *thing_; }
    explicit operator bool() const noexcept { return thing_ != nullptr; }

private:
    T* thing_ = nullptr;
};

template <typename T, typename... Arguments>
Ref<T> make_ref(Arguments&&... arguments) {
    return Ref<T>(new T(std::forward<Arguments>(arguments)...));
}

}  // namespace doed::client
