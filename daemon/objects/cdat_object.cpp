// SPDX-License-Identifier: Apache-2.0
#include "daemon/objects/cdat_object.hpp"

#include "base/dbus_names.hpp"
#include "daemon/bus/emit.hpp"

#include <utility>

namespace doed::daemon {

using bus::KnownOptions;

namespace {

base::Error too_large(const std::string& mailbox_name, const cdat::Table& table) {
    return base::Error(base::Errc::too_large, mailbox_name + ": the table has " +
                                                  std::to_string(table.bytes().size()) +
                                                  " bytes, use GetTableFd");
}

}  // namespace

CdatObject::CdatObject(sdbus::IConnection& connection, bus::Pump& pump, bus::Gatekeeper& gate,
                       const std::string& path, std::shared_ptr<CdatCache> cache,
                       std::shared_ptr<DocumentMaker> documents, Changed changed,
                       std::string mailbox_name, base::Duration default_deadline)
    : AdaptorInterfaces(connection, sdbus::ObjectPath(path)),
      pump_(pump),
      gate_(gate),
      cache_(std::move(cache)),
      documents_(std::move(documents)),
      changed_(std::move(changed)),
      mailbox_name_(std::move(mailbox_name)),
      default_deadline_(default_deadline) {
    registerAdaptor();
    cache_->on_change([this] { emit_change(); });
}

CdatObject::~CdatObject() {
    cache_->on_change(nullptr);
    unregisterAdaptor();
}

void CdatObject::emit_added() {
    bus::emit(pump_, [&] { bus::emit_interfaces_added(getObject(), names::cdat_interface); });
}

void CdatObject::emit_removed() {
    bus::emit(pump_, [&] { bus::emit_interfaces_removed(getObject(), names::cdat_interface); });
}

void CdatObject::emit_change() {
    bus::emit(pump_, [&] {
        bus::emit_properties_changed(
            getObject(), names::cdat_interface,
            {"Length", "Revision", "Sequence", "ChecksumValid", "Problems"});
        emitChanged(Sequence());
    });
    changed_(Sequence());
}

// --- Methods: options, then who asks, then the copy or the mailbox, then the answer ---------------

/// By whoever has made the call that is handled.
bus::Gatekeeper::Call CdatObject::call(std::string_view method, bus::Charge charge) {
    return {.client = bus::current_sender(getObject()),
            .method = {names::cdat_interface, method},
            .subject = mailbox_name_,
            .charge = charge};
}

template <typename... Values, typename Answer>
void CdatObject::read(std::string_view method, const bus::Reply<Values...>& open,
                      const bus::MethodOptions& options, Answer answer) {
    const auto get = [cache = cache_, answer](const auto& reply,
                                              const bus::MethodOptions& request) {
        cache->get(request,
                   [reply, answer](const base::Result<TablePtr>& table) { answer(reply, table); });
    };
    // What the copy answers takes nothing of the device.
    const auto charge = cache_->has(options) ? bus::Charge::none : bus::Charge::user;
    bus::admit(gate_, call(method, charge), open, options, get);
}

void CdatObject::GetTable(sdbus::Result<bus::ByteArray>&& result, bus::OptionMap options) {
    bus::serve(
        pump_, presence_, std::move(result), options, KnownOptions::with_refresh, default_deadline_,
        [this](const auto& open, const bus::MethodOptions& parsed) {
            read("GetTable", open, parsed,
                 [name = mailbox_name_](const auto& reply, const base::Result<TablePtr>& table) {
                     if (!table) {
                         reply.fail(table.error());
                     } else if ((*table)->bytes().size() > message_table_size_bytes_max) {
                         reply.fail(too_large(name, **table));
                     } else {
                         const auto& bytes = (*table)->bytes();
                         reply.succeed(bus::ByteArray(bytes.begin(), bytes.end()));
                     }
                 });
        });
}

void CdatObject::GetTableFd(sdbus::Result<sdbus::UnixFd>&& result, bus::OptionMap options) {
    bus::serve(pump_, presence_, std::move(result), options, KnownOptions::with_refresh,
               default_deadline_, [this](const auto& open, const bus::MethodOptions& parsed) {
                   read("GetTableFd", open, parsed,
                        [cache = cache_, name = mailbox_name_](
                            const auto& reply, const base::Result<TablePtr>& table) {
                            if (!table) {
                                reply.fail(table.error());
                            } else if (auto file = cache->open_sealed(); !file) {
                                reply.fail(file.error().in(name));
                            } else {
                                reply.succeed(sdbus::UnixFd(file->release(), sdbus::adopt_fd));
                            }
                        });
               });
}

// A document takes its time on a worker: a request, also when the table is there.
void CdatObject::GetJson(sdbus::Result<std::string>&& result, bus::OptionMap options) {
    bus::serve(
        pump_, presence_, std::move(result), options, KnownOptions::with_refresh, default_deadline_,
        [this](const auto& open, const bus::MethodOptions& parsed) {
            bus::admit(
                gate_, call("GetJson", bus::Charge::user), open, parsed,
                [cache = cache_, documents = documents_](const auto& reply, const auto& request) {
                    cache->get(request, [cache, documents, reply, deadline = request.deadline](
                                            const base::Result<TablePtr>& table) {
                        if (!table) {
                            reply.fail(table.error());
                            return;
                        }
                        documents->make(*table, cache->source(), deadline,
                                        [reply](const base::Result<DocumentMaker::Text>& text) {
                                            text ? reply.succeed(**text) : reply.fail(text.error());
                                        });
                    });
                });
        });
}

void CdatObject::Refresh(sdbus::Result<std::uint32_t>&& result, bus::OptionMap options) {
    bus::serve(pump_, presence_, std::move(result), options, KnownOptions::common,
               default_deadline_, [this](const auto& open, bus::MethodOptions parsed) {
                   parsed.refresh = true;
                   read("Refresh", open, parsed,
                        [](const auto& reply, const base::Result<TablePtr>& table) {
                            table ? reply.succeed((*table)->header().sequence)
                                  : reply.fail(table.error());
                        });
               });
}

// --- Properties: those of the copy ---------------------------------------------------------------

std::uint32_t CdatObject::Length() {
    return cache_->table() ? cache_->table()->header().length_bytes : 0;
}

std::uint8_t CdatObject::Revision() {
    return cache_->table() ? cache_->table()->header().revision : std::uint8_t{0};
}

std::uint32_t CdatObject::Sequence() {
    return cache_->table() ? cache_->table()->header().sequence : 0;
}

bool CdatObject::ChecksumValid() {
    return cache_->table() && cache_->table()->checksum_valid();
}

std::string CdatObject::Source() {
    return cache_->source();
}

std::vector<std::string> CdatObject::Problems() {
    std::vector<std::string> texts;
    if (cache_->table()) {
        for (const auto& problem : cache_->table()->all_problems()) {
            texts.push_back(cdat::to_string(problem));
        }
    }
    return texts;
}

}  // namespace doed::daemon
