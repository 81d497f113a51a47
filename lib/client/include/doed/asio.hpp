/* SPDX-License-Identifier: Apache-2.0 */
//
// libdoed on Boost.Asio (1.81 or later): each call of doed/doed.hpp with a completion token.
//
//     boost::asio::io_context io;
//     doed::asio::Client client(io.get_executor(), std::move(context));
//     doed::Result<doed::Snapshot> snapshot = co_await client.async_snapshot(boost::asio::use_awaitable);
//
// A client, its context included, belongs to the strand or thread of the executor that it was given; the operations are begun
// there. Each ends with one doed::Result on the executor of its handler, never from within the function that began it. A
// cancellation slot of the handler cancels it: the result is ECANCELED. The library's descriptor wakes by itself when a
// deadline passes, so that no timer is needed beside it. While no operation is under way nothing is waited for, and
// io_context::run() may return.
#ifndef DOED_ASIO_HPP
#define DOED_ASIO_HPP

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <doed/doed.hpp>

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace doed::asio {

/// An event that keeps its texts.
struct Event {
    Event() = default;
    explicit Event(const doed_event& event)
        : type(event.type),
          pending(event.pending),
          sequence(event.sequence),
          lost(event.lost),
          time_usec(event.time_usec),
          address(event.address),
          path(event.path),
          offset(event.offset),
          vendor_id(event.vendor_id),
          device_id(event.device_id),
          object_type(event.object_type),
          capability_version(event.capability_version),
          last(event.last),
          class_code(event.class_code),
          cdat_sequence(event.cdat_sequence),
          limit(event.limit),
          error(event.error),
          from(event.from),
          to(event.to),
          owner(event.owner),
          name(event.name),
          text(event.text) {}

    // As in doed_event.
    std::uint32_t type = 0;
    std::uint32_t pending = 0;
    std::uint64_t sequence = 0;
    std::uint64_t lost = 0;
    std::uint64_t time_usec = 0;
    std::string address;
    std::string path;
    std::uint16_t offset = 0;
    std::uint16_t vendor_id = 0;
    std::uint16_t device_id = 0;
    std::uint8_t object_type = 0;
    std::uint8_t capability_version = 0;
    bool last = false;
    std::uint32_t class_code = 0;
    std::uint32_t cdat_sequence = 0;
    std::uint32_t limit = 0;
    std::int32_t error = 0;
    std::string from;
    std::string to;
    std::string owner;
    std::string name;
    std::string text;
};

namespace detail {

/// What the client and the operations under way share; ends with the client.
class Loop : public std::enable_shared_from_this<Loop> {
public:
    Loop(const boost::asio::any_io_executor& executor, Context&& from)
        : context(std::move(from)), descriptor_(executor) {
        descriptor_.assign(context.fd());
    }
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;
    ~Loop() { leave(); }

    [[nodiscard]] boost::asio::any_io_executor executor() { return descriptor_.get_executor(); }

    /// An operation more; watches the descriptor while there is any.
    void begin() {
        ++operations_;
        arm();
    }
    void end() {
        if (--operations_ == 0 && armed_) {
            boost::system::error_code ignored;
            descriptor_.cancel(ignored);
        }
    }

    /// Lets go of the descriptor, which is the context's.
    void leave() noexcept {
        if (descriptor_.is_open()) {
            descriptor_.release();
        }
    }

    Context context;

private:
    void arm() {
        if (armed_ || operations_ == 0 || !descriptor_.is_open()) {
            return;
        }
        armed_ = true;
        descriptor_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                               [weak = weak_from_this()](const boost::system::error_code& error) {
                                   const auto loop = weak.lock();
                                   if (!loop) {
                                       return;
                                   }
                                   loop->armed_ = false;
                                   if (error) {
                                       // Another operation may have begun since the last one ended.
                                       loop->arm();
                                   } else {
                                       loop->work();
                                   }
                               });
    }

    void work() {
        // A stretch at a time, so that others on the executor get their turn; the descriptor stays readable.
        for (int i = 0; i < 64 && operations_ > 0; ++i) {
            const auto worked = context.process();
            if (!worked || !*worked) {
                break;
            }
        }
        arm();
    }

    boost::asio::posix::stream_descriptor descriptor_;
    std::size_t operations_ = 0;
    bool armed_ = false;
};

/// A handler, and the work that it is for its executor, until it has been called once.
template <typename Handler>
class Completion {
public:
    Completion(Handler&& handler, const std::shared_ptr<Loop>& loop)
        : handler_(std::move(handler)),
          executor_(boost::asio::get_associated_executor(handler_, loop->executor())),
          guard_(executor_),
          loop_(loop) {
        loop->begin();
    }

    [[nodiscard]] auto slot() const noexcept {
        return boost::asio::get_associated_cancellation_slot(handler_);
    }

    template <typename Value>
    void finish(Value value) {
        if (const auto loop = loop_.lock()) {
            loop->end();
        }
        if (auto cancellation = slot(); cancellation.is_connected()) {
            cancellation.clear();
        }
        boost::asio::post(executor_,
                          [handler = std::move(handler_), value = std::move(value)]() mutable {
                              std::move(handler)(std::move(value));
                          });
        guard_.reset();
    }

private:
    using Executor = boost::asio::associated_executor_t<Handler, boost::asio::any_io_executor>;

    Handler handler_;
    Executor executor_;
    boost::asio::executor_work_guard<Executor> guard_;
    std::weak_ptr<Loop> loop_;
};

}  // namespace detail

class Client {
public:
    Client(const boost::asio::any_io_executor& executor, Context context)
        : loop_(std::make_shared<detail::Loop>(executor, std::move(context))) {}
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;
    /// Operations under way end with ECANCELED.
    ~Client() {
        end_events();
        loop_->leave();
    }

    [[nodiscard]] Context& context() noexcept { return loop_->context; }
    [[nodiscard]] boost::asio::any_io_executor get_executor() { return loop_->executor(); }

    template <typename Token>
    auto async_snapshot(Token&& token) {
        return run<Snapshot>(std::forward<Token>(token), [](Context& context, auto callback) {
            return context.snapshot_async(std::move(callback));
        });
    }
    template <typename Token>
    auto async_manager(Token&& token) {
        return run<Manager>(std::forward<Token>(token), [](Context& context, auto callback) {
            return context.manager_async(std::move(callback));
        });
    }
    template <typename Token>
    auto async_discover(std::string mailbox, Token&& token) {
        return run<Features>(std::forward<Token>(token),
                             [mailbox = std::move(mailbox)](Context& context, auto callback) {
                                 return context.discover_async(mailbox, std::move(callback));
                             });
    }
    template <typename Token>
    auto async_reset(std::string mailbox, Token&& token) {
        return run<Done>(std::forward<Token>(token),
                         [mailbox = std::move(mailbox)](Context& context, auto callback) {
                             return context.reset_async(mailbox, std::move(callback));
                         });
    }
    template <typename Token>
    auto async_release(std::string mailbox, Token&& token) {
        return run<Lease>(std::forward<Token>(token),
                          [mailbox = std::move(mailbox)](Context& context, auto callback) {
                              return context.release_async(mailbox, std::move(callback));
                          });
    }
    template <typename Token>
    auto async_trace(std::string mailbox, Token&& token) {
        return run<std::string>(std::forward<Token>(token),
                                [mailbox = std::move(mailbox)](Context& context, auto callback) {
                                    return context.trace_async(mailbox, std::move(callback));
                                });
    }
    template <typename Token>
    auto async_cdat(std::string mailbox, bool refresh, Token&& token) {
        return run<Cdat>(std::forward<Token>(token),
                         [mailbox = std::move(mailbox), refresh](Context& context, auto callback) {
                             return context.cdat_async(mailbox, refresh, std::move(callback));
                         });
    }
    template <typename Token>
    auto async_cdat_table(std::string mailbox, bool refresh, Token&& token) {
        return run<std::vector<std::uint8_t>>(
            std::forward<Token>(token),
            [mailbox = std::move(mailbox), refresh](Context& context, auto callback) {
                return context.cdat_table_async(mailbox, refresh, std::move(callback));
            });
    }
    template <typename Token>
    auto async_cdat_json(std::string mailbox, bool refresh, Token&& token) {
        return run<std::string>(std::forward<Token>(token), [mailbox = std::move(mailbox), refresh](
                                                                Context& context, auto callback) {
            return context.cdat_json_async(mailbox, refresh, std::move(callback));
        });
    }
    template <typename Token>
    auto async_cdat_refresh(std::string mailbox, Token&& token) {
        return run<std::uint32_t>(std::forward<Token>(token), [mailbox = std::move(mailbox)](
                                                                  Context& context, auto callback) {
            return context.cdat_refresh_async(mailbox, std::move(callback));
        });
    }
    template <typename Token>
    auto async_cdat_status(std::string mailbox, Token&& token) {
        return run<CdatStatus>(std::forward<Token>(token),
                               [mailbox = std::move(mailbox)](Context& context, auto callback) {
                                   return context.cdat_status_async(mailbox, std::move(callback));
                               });
    }

    /// The next event; the first such operation subscribes. One at a time: EBUSY for a second;
    /// ENOTCONN after the last one. Events that come while there is
    /// none wait in doed, or here while other operations run, where the oldest of more than 256 is dropped and
    /// counted in `lost`. Signature: void(Result<Event>).
    template <typename Token>
    auto async_next_event(Token&& token) {
        return boost::asio::async_initiate<Token, void(Result<Event>)>(
            [this](auto handler) { this->next_event(std::move(handler)); }, token);
    }

private:
    static constexpr std::size_t queue_limit = 256;

    /// Signature: void(Result<T>).
    template <typename T, typename Token, typename Start>
    auto run(Token&& token, Start start) {
        return boost::asio::async_initiate<Token, void(Result<T>)>(
            [loop = loop_](auto handler, Start begin) {
                using Completion = detail::Completion<decltype(handler)>;
                const auto completion = std::make_shared<Completion>(std::move(handler), loop);
                auto callback = [completion](Result<T> result) {
                    completion->finish(std::move(result));
                };
                auto call = begin(loop->context, std::move(callback));
                if (!call) {
                    Result<T> refused(call.error());
                    completion->finish(std::move(refused));
                    return;
                }
                if (auto slot = completion->slot(); slot.is_connected()) {
                    const auto handle = std::make_shared<Call>(std::move(*call));
                    slot.assign([handle](boost::asio::cancellation_type) { handle->cancel(); });
                }
            },
            token, std::move(start));
    }

    template <typename Handler>
    void next_event(Handler handler) {
        using Completion = detail::Completion<Handler>;
        const auto completion = std::make_shared<Completion>(std::move(handler), loop_);
        if (waiting_) {
            completion->finish(Result<Event>(Error(EBUSY)));
            return;
        }
        if (!subscribed_) {
            auto subscription =
                loop_->context.subscribe([this](const doed_event& event) { keep(event); });
            if (!subscription) {
                completion->finish(Result<Event>(subscription.error()));
                return;
            }
            subscription_ = std::move(*subscription);
            subscribed_ = true;
        }
        if (!events_.empty()) {
            Result<Event> event(std::move(events_.front()));
            events_.pop_front();
            completion->finish(std::move(event));
            return;
        }
        if (ended_) {
            completion->finish(Result<Event>(Error(ENOTCONN)));
            return;
        }
        waiting_ = [completion](Result<Event> event) { completion->finish(std::move(event)); };
        if (auto slot = completion->slot(); slot.is_connected()) {
            slot.assign([this](boost::asio::cancellation_type) { end_waiting(ECANCELED); });
        }
    }

    void keep(const doed_event& event) {
        ended_ = ended_ || event.last;
        if (waiting_) {
            std::exchange(waiting_, nullptr)(Result<Event>(Event(event)));
            return;
        }
        events_.emplace_back(event);
        if (events_.size() > queue_limit) {
            const auto lost = events_.front().lost + 1;
            events_.pop_front();
            events_.front().lost += lost;
        }
    }

    void end_waiting(int error) {
        if (waiting_) {
            std::exchange(waiting_, nullptr)(Result<Event>(Error(error)));
        }
    }

    void end_events() {
        subscription_ = Subscription();
        end_waiting(ECANCELED);
    }

    std::shared_ptr<detail::Loop> loop_;
    std::deque<Event> events_;
    std::function<void(Result<Event>)> waiting_;
    Subscription subscription_;
    bool subscribed_ = false;
    bool ended_ = false;
};

}  // namespace doed::asio

#endif
