// SPDX-License-Identifier: Apache-2.0
//
// Calls that wait for something that may hang: an access to a device, a strand behind one. Each ends once, with the result,
// at its deadline, or when all are ended, whichever comes first. Bus loop only.
#pragma once

#include "base/result.hpp"
#include "base/scheduler.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

namespace doed::daemon {

class OpenCalls {
public:
    template <typename Value>
    using Completion = std::move_only_function<void(base::Result<Value>)>;

    template <typename Value>
    class Answer;

    /// `name` stands in front of errors.
    OpenCalls(boost::asio::any_io_executor loop, std::string name)
        : book_(std::make_shared<Book>(std::move(loop), std::move(name))) {}

    /// What is to be called with the result, at any later time or never. `completion` gets that, deadline_exceeded, or what
    /// all calls are ended with; it is not called when this object is dropped first.
    template <typename Value>
    [[nodiscard]] Answer<Value> open(base::TimePoint deadline, Completion<Value> completion) {
        const auto id = book_->next_id++;
        auto call = std::make_shared<Call<Value>>(book_->loop, std::move(completion));
        call->timer.expires_at(deadline);
        call->timer.async_wait(
            [weak = std::weak_ptr(book_), id](const boost::system::error_code& error) {
                if (const auto book = weak.lock(); !error && book) {
                    book->fail(id, base::Error(base::Errc::deadline_exceeded,
                                               book->name + ": the device or its host is slow"));
                }
            });
        Answer<Value> answer(book_, id, call);
        book_->calls.emplace(id, std::move(call));
        return answer;
    }

    /// Ends all of them with this error.
    void end(const base::Error& error) {
        while (!book_->calls.empty()) {
            book_->fail(book_->calls.begin()->first, error);
        }
    }

private:
    struct AnyCall {
        virtual ~AnyCall() = default;
        virtual void fail(const base::Error& error) = 0;
    };

    template <typename Value>
    struct Call final : AnyCall {
        Call(const boost::asio::any_io_executor& loop, Completion<Value> wanted)
            : completion(std::move(wanted)), timer(loop) {}
        void fail(const base::Error& error) override { completion(std::unexpected(error)); }

        Completion<Value> completion;
        boost::asio::steady_timer timer;
    };

    struct Book {
        Book(boost::asio::any_io_executor where, std::string subject)
            : loop(std::move(where)), name(std::move(subject)) {}

        void fail(std::uint64_t id, const base::Error& error) {
            if (auto node = calls.extract(id); !node.empty()) {
                node.mapped()->fail(error);
            }
        }

        boost::asio::any_io_executor loop;
        std::string name;
        std::map<std::uint64_t, std::shared_ptr<AnyCall>> calls;
        std::uint64_t next_id = 1;
    };

    std::shared_ptr<Book> book_;
};

/// Answers one call; copies stand for the same one.
template <typename Value>
class OpenCalls::Answer {
public:
    /// Nothing happens when the call has ended.
    void operator()(base::Result<Value> result) const {
        const auto book = book_.lock();
        const auto call = call_.lock();
        if (book && call && book->calls.erase(id_) != 0) {
            call->completion(std::move(result));
        }
    }
    /// Whether the call still waits.
    [[nodiscard]] bool waits() const noexcept { return !call_.expired(); }

private:
    friend class OpenCalls;
    Answer(const std::shared_ptr<Book>& book, std::uint64_t id,
           const std::shared_ptr<Call<Value>>& call)
        : book_(book), id_(id), call_(call) {}

    std::weak_ptr<Book> book_;
    std::uint64_t id_;
    std::weak_ptr<Call<Value>> call_;
};

}  // namespace doed::daemon
