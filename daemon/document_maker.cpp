// SPDX-License-Identifier: Apache-2.0
#include "daemon/document_maker.hpp"

#include <boost/asio/post.hpp>

#include <utility>

namespace doed::daemon {

namespace asio = boost::asio;

DocumentMaker::DocumentMaker(asio::any_io_executor loop, asio::any_io_executor workers,
                             std::string mailbox, std::string name, Look look)
    : loop_(std::move(loop)),
      workers_(std::move(workers)),
      mailbox_(std::move(mailbox)),
      name_(std::move(name)),
      look_(std::move(look)),
      calls_(loop_, name_) {}

void DocumentMaker::make(TablePtr table, const std::string& source, base::TimePoint deadline,
                         Completion completion) {
    std::erase_if(waiters_, [](const Waiter& waiter) { return !waiter.answer.waits(); });
    waiters_.push_back(
        {std::move(table), source, calls_.open<Text>(deadline, std::move(completion))});
    if (!std::exchange(making_, true)) {
        begin();
    }
}

/// For the table that was asked for first. Who asks for it while it is made may have been after a change of the host.
void DocumentMaker::begin() {
    asio::post(workers_, [self = shared_from_this(), table = waiters_.front().table,
                          source = waiters_.front().source]() mutable {
        auto text = self->write(*table, source);
        const auto loop = self->loop_;
        asio::post(loop, [self = std::move(self), table = std::move(table),
                          text = std::move(text)]() mutable {
            std::vector<Waiter> others;
            for (Waiter& waiter : std::exchange(self->waiters_, {})) {
                if (waiter.table == table) {
                    waiter.answer(text);
                } else if (waiter.answer.waits()) {
                    others.push_back(std::move(waiter));
                }
            }
            // Answering may have brought new ones.
            self->waiters_.insert(self->waiters_.begin(), std::make_move_iterator(others.begin()),
                                  std::make_move_iterator(others.end()));
            if (self->waiters_.empty()) {
                self->making_ = false;
            } else {
                self->begin();
            }
        });
    });
}

base::Result<DocumentMaker::Text> DocumentMaker::write(const cdat::Table& table,
                                                       const std::string& source) const {
    auto text = cdat::to_json_within(
        document_size_bytes_max, table,
        {.mailbox = mailbox_, .source = source, .host = look_ ? look_() : cdat::HostView{}},
        cdat::JsonStyle::compact);
    if (!text) {
        return base::fail(base::Errc::too_large, name_ + ": the document has more than " +
                                                     std::to_string(document_size_bytes_max) +
                                                     " bytes, use GetTableFd");
    }
    return std::make_shared<const std::string>(*std::move(text));
}

}  // namespace doed::daemon
