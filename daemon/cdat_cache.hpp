// SPDX-License-Identifier: Apache-2.0
//
// The daemon's copy of one mailbox's CDAT. Reads are answered from it; the first one, and those
// that ask for a refresh, go to where the table comes from. Bus loop only.
#pragma once

#include "base/unique_fd.hpp"
#include "cdat/table.hpp"
#include "daemon/bus/method_options.hpp"

#include <functional>
#include <memory>
#include <string>

namespace doed::daemon {

class CdatCache : public std::enable_shared_from_this<CdatCache> {
public:
    using TablePtr = std::shared_ptr<const cdat::Table>;
    using Completion = std::move_only_function<void(const base::Result<TablePtr>&)>;
    /// Reads the table anew; may refuse. Completes on the bus loop.
    using Reader = std::function<void(const bus::MethodOptions&,
                                      std::move_only_function<void(base::Result<cdat::Table>)>)>;

    /// `source`: "mailbox" or "kernel". `changed` is called when the first copy is there, and when
    /// a new one differs.
    CdatCache(std::string source, Reader reader)
        : source_(std::move(source)), reader_(std::move(reader)) {}

    void on_change(std::function<void()> changed) { changed_ = std::move(changed); }

    /// Whether the copy answers a call with these options.
    [[nodiscard]] bool has(const bus::MethodOptions& options) const noexcept {
        return table_ && !options.refresh;
    }
    /// The copy, or a new reading where there is none or `options.refresh` is set. Errors: those of
    /// the reader.
    void get(const bus::MethodOptions& options, Completion completion);

    /// Null before the first reading.
    [[nodiscard]] const TablePtr& table() const noexcept { return table_; }
    [[nodiscard]] const std::string& source() const noexcept { return source_; }

    /// A read-only descriptor of a sealed memory file with the copy, which exists. Error: io.
    [[nodiscard]] base::Result<base::UniqueFd> open_sealed();

private:
    void keep(cdat::Table table);

    std::string source_;
    Reader reader_;
    std::function<void()> changed_;
    TablePtr table_;
    base::UniqueFd sealed_;  ///< of the copy; made on the first demand
};

}  // namespace doed::daemon
