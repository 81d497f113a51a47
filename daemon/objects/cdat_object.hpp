// SPDX-License-Identifier: Apache-2.0
//
// The interface org.doed1.Cdat of a mailbox object, over a CdatCache.
#pragma once

#include "cdat_adaptor.hpp"
#include "daemon/bus/guard.hpp"
#include "daemon/cdat_cache.hpp"
#include "daemon/document_maker.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace doed::daemon {

/// Longest table that travels in a message; a longer one takes GetTableFd.
inline constexpr std::size_t message_table_size_bytes_max = 64U << 10;

class CdatObject final : private sdbus::AdaptorInterfaces<org::doed1::Cdat_adaptor> {
public:
    /// Hears of the sequence number of each new copy, when the bus has been told.
    using Changed = std::function<void(std::uint32_t sequence)>;

    /// `mailbox_name` stands in front of errors.
    CdatObject(sdbus::IConnection& connection, bus::Pump& pump, bus::Gatekeeper& gate,
               const std::string& path, std::shared_ptr<CdatCache> cache,
               std::shared_ptr<DocumentMaker> documents, Changed changed, std::string mailbox_name,
               base::Duration default_deadline);
    ~CdatObject();

    /// Tells the object manager's audience that the interface has come, or is about to go.
    void emit_added();
    void emit_removed();
    /// What calls that are still open end with, instead of a result, once the object is gone.
    void leave(base::Error why) const { presence_.leave(std::move(why)); }

private:
    using TablePtr = CdatCache::TablePtr;

    void GetTable(sdbus::Result<bus::ByteArray>&& result, bus::OptionMap options) override;
    void GetTableFd(sdbus::Result<sdbus::UnixFd>&& result, bus::OptionMap options) override;
    void GetJson(sdbus::Result<std::string>&& result, bus::OptionMap options) override;
    void Refresh(sdbus::Result<std::uint32_t>&& result, bus::OptionMap options) override;

    std::uint32_t Length() override;
    std::uint8_t Revision() override;
    std::uint32_t Sequence() override;
    bool ChecksumValid() override;
    std::string Source() override;
    std::vector<std::string> Problems() override;

    [[nodiscard]] bus::Gatekeeper::Call call(std::string_view method, bus::Charge charge);
    /// Has `answer(Reply, Result<TablePtr>)` called with the table, the copy if that will do.
    template <typename... Values, typename Answer>
    void read(std::string_view method, const bus::Reply<Values...>& open,
              const bus::MethodOptions& options, Answer answer);
    void emit_change();

    bus::Pump& pump_;
    bus::Gatekeeper& gate_;
    bus::OwnPresence presence_;
    std::shared_ptr<CdatCache> cache_;
    std::shared_ptr<DocumentMaker> documents_;
    Changed changed_;
    std::string mailbox_name_;
    base::Duration default_deadline_;
};

}  // namespace doed::daemon
