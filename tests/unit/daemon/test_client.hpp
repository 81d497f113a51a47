// SPDX-License-Identifier: Apache-2.0
//
// A client of doed that is no part of this code base: it speaks sd-bus from the test's thread, remembers every signal of
// org.doed1, and waits for messages, never for time alone.
#pragma once

#include "base/unique_fd.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

struct sd_bus;
struct sd_bus_message;

namespace doed::bus {

/// How long a test waits for what should come at once.
inline constexpr std::chrono::seconds patience{20};

class TestClient {
public:
    /// The answer to a call, once it is `done`.
    struct Answer {
        bool done = false;
        std::string error;  ///< "org.doed1.Error.Released"; empty for a success
        std::string message;
        std::vector<std::uint8_t> bytes;  ///< of a table
        base::UniqueFd descriptor;        ///< of a lease or a sealed file
    };
    using AnswerPtr = std::shared_ptr<Answer>;

    explicit TestClient(const std::string& bus_address);
    TestClient(const TestClient&) = delete;
    TestClient& operator=(const TestClient&) = delete;
    ~TestClient();

    /// The unique name.
    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    /// Owns a name for a moment.
    void own_for_a_moment(const std::string& name);
    void leave();

    /// Sends a call of the contract; `refresh` is its only option.
    AnswerPtr start(const std::string& path, const char* interface, const char* method,
                    bool refresh = false);
    /// Sends a call and waits for its answer.
    AnswerPtr call(const std::string& path, const char* interface, const char* method,
                   bool refresh = false);
    /// A property that is a string; "(error name)" when there is none.
    [[nodiscard]] std::string property(const std::string& path, const char* interface,
                                       const char* name);
    /// A property that is a number of this D-Bus type, 'u' or 't'.
    [[nodiscard]] std::uint64_t number(const std::string& path, const char* interface,
                                       const char* name, char type);
    /// The paths of all objects, sorted.
    [[nodiscard]] std::vector<std::string> objects();

    /// Handles messages until the condition holds; false when patience is at its end.
    bool wait_until(const std::function<bool()>& condition);
    /// For what no signal tells: the condition, which makes a call, is tried until it holds; false as above.
    static bool ask_until(const std::function<bool()>& condition);
    bool wait_for(const AnswerPtr& answer) {
        return wait_until([&] { return answer->done; });
    }
    bool wait_for(const std::string& path, const char* interface, const char* name,
                  const std::string& value) {
        return wait_until([&] { return property(path, interface, name) == value; });
    }
    /// Until a signal like this has come since forget_signals(): "added PATH INTERFACE", "removed PATH INTERFACE",
    /// "changed PATH INTERFACE".
    bool wait_for_signal(const std::string& signal);

    [[nodiscard]] const std::vector<std::string>& signals() const noexcept { return signals_; }
    void forget_signals() { signals_.clear(); }

private:
    static int on_signal(sd_bus_message* message, void* self, void*);

    sd_bus* bus_ = nullptr;
    std::string name_;
    std::vector<std::string> signals_;
    std::uint64_t heard_ = 0;  ///< all signals, also those that were forgotten
};

}  // namespace doed::bus
