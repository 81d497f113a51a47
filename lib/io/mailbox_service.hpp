// SPDX-License-Identifier: Apache-2.0
//
// One doe::Mailbox on its own strand of a pool of workers, driven from outside by asynchronous calls that take Asio
// completion tokens. Calls may come from any thread. Completions run on the handler's associated executor, never inside
// the initiating call; each is called exactly once.
#pragma once

#include "doe/mailbox.hpp"
#include "io/pulse.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace doed::io {

using OperationResult = base::Result<std::shared_ptr<const doe::Operation>>;
using Trace = std::vector<doe::TraceRecord>;

struct ExecuteOptions {
    base::TimePoint deadline;  ///< when the caller stops waiting (Errc::deadline_exceeded)
    std::uint32_t uid = 0;     ///< whose turn in the queue it takes
};

class MailboxService : public std::enable_shared_from_this<MailboxService> {
public:
    using Listener = std::move_only_function<void(doe::MailboxStatus)>;

    /// `workers` runs the mailbox's strand; config accesses block its threads. `listener` is called on
    /// `listener_executor` with every change of the status.
    [[nodiscard]] static std::shared_ptr<MailboxService> create(
        const boost::asio::any_io_executor& workers, std::unique_ptr<pci::ConfigSpace> config,
        const pci::Address& address, const pci::DoeCapability& capability,
        const doe::MailboxOptions& options, const doe::AllowList& allowed,
        boost::asio::any_io_executor listener_executor, Listener listener);

    /// The mailbox is dropped on its strand, without waiting; call async_close first to end what is on the wire.
    ~MailboxService();

    /// Claims the mailbox. Called once, first; what is submitted meanwhile waits.
    void start();

    /// Runs an operation; void(OperationResult). Errors as doe::Mailbox::submit says. The handler's cancellation slot, when it
    /// has one, withdraws the operation (Errc::cancelled).
    template <typename CompletionToken>
    auto async_execute(std::shared_ptr<doe::Operation> operation, const ExecuteOptions& options,
                       CompletionToken&& token) {
        return boost::asio::async_initiate<CompletionToken, void(OperationResult)>(
            [](auto handler, std::shared_ptr<MailboxService> self,
               std::shared_ptr<doe::Operation> op, ExecuteOptions opts) {
                auto call = std::make_shared<Call>();
                auto slot = boost::asio::get_associated_cancellation_slot(handler);
                if (slot.is_connected()) {
                    slot.assign(
                        [self, call](boost::asio::cancellation_type) { self->withdraw(call); });
                }
                self->execute(std::move(op), opts, std::move(call),
                              deliver<OperationResult>(std::move(handler)));
            },
            token, shared_from_this(), std::move(operation), options);
    }

    /// Abort and new discovery; void(Result<void>).
    template <typename CompletionToken>
    auto async_reset(CompletionToken&& token) {
        return boost::asio::async_initiate<CompletionToken, void(base::Result<void>)>(
            [](auto handler, std::shared_ptr<MailboxService> self) {
                self->reset(deliver<base::Result<void>>(std::move(handler)));
            },
            token, shared_from_this());
    }

    /// The last exchanges and aborts, oldest first, with the one under way; void(std::vector<doe::TraceRecord>). At any time.
    template <typename CompletionToken>
    auto async_trace(CompletionToken&& token) {
        return boost::asio::async_initiate<CompletionToken, void(Trace)>(
            [](auto handler, std::shared_ptr<MailboxService> self) {
                self->trace(deliver<Trace>(std::move(handler)));
            },
            token, shared_from_this());
    }

    /// Ends the exchange on the wire, answers everything else `why`, touches nothing after; void().
    template <typename CompletionToken>
    auto async_close(base::Errc why, CompletionToken&& token) {
        return boost::asio::async_initiate<CompletionToken, void()>(
            [](auto handler, std::shared_ptr<MailboxService> self, base::Errc reason) {
                self->close(reason, deliver<>(std::move(handler)));
            },
            token, shared_from_this(), why);
    }

    /// Tries a dead mailbox now instead of after its pause.
    void revive();
    /// The device's interrupt for this mailbox arrived.
    void notify_interrupt();

    /// What the mailbox's strand is at. It lasts until the mailbox has been dropped.
    [[nodiscard]] std::shared_ptr<Pulse> pulse() const;

private:
    struct Core;  ///< scheduler and mailbox: what lives on the strand
    struct Call {
        doe::Ticket ticket = 0;
        bool withdrawn = false;
    };

    explicit MailboxService(std::shared_ptr<Core> core) noexcept : core_(std::move(core)) {}

    /// Wraps a handler so that it can be called from the strand and runs on its own executor, which is kept busy until then.
    template <typename... Args, typename Handler>
    static std::move_only_function<void(Args...)> deliver(Handler handler) {
        auto executor = boost::asio::get_associated_executor(handler);
        auto work = boost::asio::make_work_guard(executor);
        return [handler = std::move(handler), work = std::move(work)](Args... args) mutable {
            boost::asio::post(work.get_executor(),
                              [handler = std::move(handler), ... args = std::move(args)]() mutable {
                                  std::move(handler)(std::move(args)...);
                              });
            work.reset();
        };
    }

    void execute(std::shared_ptr<doe::Operation> operation, ExecuteOptions options,
                 std::shared_ptr<Call> call, doe::OperationCompletion completion);
    void withdraw(std::shared_ptr<Call> call);
    void reset(std::move_only_function<void(base::Result<void>)> completion);
    void trace(std::move_only_function<void(Trace)> completion);
    void close(base::Errc why, std::move_only_function<void()> closed);

    std::shared_ptr<Core> core_;
};

}  // namespace doed::io
