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
    document_.reset();
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

const base::Result<std::string>& CdatCache::document(const std::string& mailbox) {
    DOED_ASSERT(table_ != nullptr);
    if (!document_) {
        auto text = cdat::to_json(*table_, {.mailbox = mailbox, .source = source_},
                                  cdat::JsonStyle::compact);
        if (text.size() > document_size_bytes_max) {
            document_ = base::fail(
                base::Errc::too_large,
                "the document has " + std::to_string(text.size()) + " bytes, use GetTableFd");
        } else {
            document_ = std::move(text);
        }
    }
    return *document_;
}

}  // namespace doed::daemon
