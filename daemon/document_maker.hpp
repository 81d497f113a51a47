// SPDX-License-Identifier: Apache-2.0
//
// Makes the JSON document of a CDAT on a worker: a long table takes its time, and what the host's kernel made of it is read
// from sysfs. Whoever asks for the document of a table that is being made shares it. Bus loop only.
#pragma once

#include "base/result.hpp"
#include "cdat/json.hpp"
#include "cdat/table.hpp"
#include "daemon/open_calls.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace doed::daemon {

/// Longest document that travels in a message.
inline constexpr std::size_t document_size_bytes_max = 16U << 20;

class DocumentMaker : public std::enable_shared_from_this<DocumentMaker> {
public:
    using TablePtr = std::shared_ptr<const cdat::Table>;
    using Text = std::shared_ptr<const std::string>;
    using Completion = std::move_only_function<void(base::Result<Text>)>;
    /// Called on a worker.
    using Look = std::function<cdat::HostView()>;

    /// `mailbox`: "0000:0d:00.0/190"; `name` stands in front of errors.
    DocumentMaker(boost::asio::any_io_executor loop, boost::asio::any_io_executor workers,
                  std::string mailbox, std::string name, Look look);

    /// `source` as in cdat::Origin. Errors: too_large above 16 MiB, deadline_exceeded.
    void make(TablePtr table, const std::string& source, base::TimePoint deadline,
              Completion completion);

private:
    struct Waiter {
        TablePtr table;
        std::string source;
        OpenCalls::Answer<Text> answer;
    };

    void begin();
    [[nodiscard]] base::Result<Text> write(const cdat::Table& table,
                                           const std::string& source) const;

    boost::asio::any_io_executor loop_;
    boost::asio::any_io_executor workers_;
    std::string mailbox_;
    std::string name_;
    Look look_;
    OpenCalls calls_;
    std::vector<Waiter> waiters_;
    bool making_ = false;
};

}  // namespace doed::daemon
