// SPDX-License-Identifier: Apache-2.0
//
// The executor under a mailbox's strand: whichever it is made of, and it knows by itself whether a function may run inside the
// call. A strand asks that at every turn, and the answer of any_io_executor is memory that it allocates.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/require.hpp>

#include <utility>

namespace doed::io {

class WorkerExecutor {
public:
    /// What a strand has left to do after a task is a continuation: the thread goes on with what comes first in the queue, and
    /// wakes another one only when there is more. Otherwise each turn of a long transfer would wake a thread.
    [[nodiscard]] static WorkerExecutor on(const boost::asio::any_io_executor& inner) {
        return {boost::asio::prefer(inner, boost::asio::execution::relationship_t::continuation),
                false};
    }

    // What Asio asks of an executor.
    template <typename Function>
    void execute(Function&& function) const {
        inner_.execute(std::forward<Function>(function));
    }
    [[nodiscard]] boost::asio::execution_context& query(
        boost::asio::execution::context_t property) const {
        return boost::asio::query(inner_, property);
    }
    [[nodiscard]] boost::asio::execution::blocking_t query(
        boost::asio::execution::blocking_t) const noexcept {
        using Blocking = boost::asio::execution::blocking_t;
        return never_blocks_ ? Blocking(Blocking::never) : Blocking(Blocking::possibly);
    }
    [[nodiscard]] WorkerExecutor require(
        boost::asio::execution::blocking_t::never_t property) const {
        return {boost::asio::require(inner_, property), true};
    }
    [[nodiscard]] WorkerExecutor prefer(
        boost::asio::execution::outstanding_work_t::tracked_t property) const {
        return {boost::asio::prefer(inner_, property), never_blocks_};
    }
    friend bool operator==(const WorkerExecutor& left, const WorkerExecutor& right) noexcept {
        return left.inner_ == right.inner_;
    }

private:
    WorkerExecutor(boost::asio::any_io_executor inner, bool never_blocks)
        : inner_(std::move(inner)), never_blocks_(never_blocks) {}

    boost::asio::any_io_executor inner_;
    bool never_blocks_;
};

}  // namespace doed::io
