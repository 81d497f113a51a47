// SPDX-License-Identifier: Apache-2.0
#include "daemon/cdat_cache.hpp"

#include "base/assert.hpp"
#include "daemon/bus/sealed_file.hpp"

#include <utility>

namespace doed::daemon {

void CdatCache::get(const bus::MethodOptions& options, Completion completion) {
    if (has(options)) {
        completion(table_);
        return;
    }
    reader_(options, [self = shared_from_this(),
                      completion = std::move(completion)](base::Result<cdat::Table> read) mutable {
        if (!read) {
            completion(std::unexpected(read.error()));
            return;
        }
        self->keep(std::move(*read));
        completion(self->table_);
    });
}

void CdatCache::keep(cdat::Table table) {
    if (table_ && table_->bytes() == table.bytes() && table_->problems() == table.problems()) {
        return;
    }
    table_ = std::make_shared<const cdat::Table>(std::move(table));
    sealed_.reset();
    if (changed_) {
        changed_();
    }
}

base::Result<base::UniqueFd> CdatCache::open_sealed() {
    DOED_ASSERT(table_ != nullptr);
    if (!sealed_) {
        auto file = bus::make_sealed_file(table_->bytes());
        if (!file) {
            return file;
        }
        sealed_ = std::move(*file);
    }
    return bus::reopen_sealed_file(sealed_);
}

}  // namespace doed::daemon
