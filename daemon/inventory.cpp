// SPDX-License-Identifier: Apache-2.0
#include "daemon/inventory.hpp"

#include "daemon/bus/paths.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace doed::daemon {

namespace asio = boost::asio;

namespace {

OwnershipFacts facts_of(const KernelFacts& kernel, LockdownMode lockdown, OwnerChoice choice) {
    OwnershipFacts facts;
    facts.driver = kernel.driver;
    facts.cxl_port = kernel.cxl_port;
    facts.tsm_connected = kernel.tsm_connected;
    facts.config_writable = kernel.config_writable;
    facts.lockdown = lockdown;
    facts.choice = choice;
    return facts;
}

/// What a kernel-owned mailbox offers. The kernel tells it per device, not per mailbox; before
/// Linux 6.15 its CDAT file alone is the proof that discovery and table access were found.
std::vector<doe::Protocol> kernel_features(const KernelFacts& kernel) {
    if (!kernel.doe_features.empty() || kernel.cdat_file.empty()) {
        return kernel.doe_features;
    }
    return {doe::protocol_discovery, doe::protocol_table_access};
}

/// Reads the kernel's copy on a worker: a file of sysfs may block.
CdatCache::Reader kernel_reader(asio::any_io_executor loop, asio::any_io_executor workers,
                                const std::filesystem::path& file, const std::string& mailbox_name,
                                const std::string& reason) {
    return [=](const bus::MethodOptions& options, auto completion) {
        if (options.refresh) {
            completion(base::fail(base::Errc::kernel_owned, mailbox_name + ": " + reason));
            return;
        }
        asio::post(workers, [=, completion = std::move(completion)]() mutable {
            base::Result<cdat::Table> table;
            if (auto bytes = read_kernel_cdat(file)) {
                table = cdat::Table::parse(std::move(*bytes));
            } else {
                table = std::unexpected(bytes.error().in(mailbox_name));
            }
            asio::post(loop,
                       [table = std::move(table), completion = std::move(completion)]() mutable {
                           completion(std::move(table));
                       });
        });
    };
}

}  // namespace

Inventory::Inventory(const Config& config, const Log& log, asio::any_io_executor loop,
                     asio::any_io_executor workers)
    : config_(config), log_(log), loop_(std::move(loop)), workers_(std::move(workers)) {}

// --- Finding -------------------------------------------------------------------------------------

base::Result<void> Inventory::scan(pci::Host& host, const std::optional<KernelView>& kernel) {
    std::vector<base::Error> problems;
    auto found = host.scan(problems);
    if (!found) {
        return std::unexpected(found.error());
    }
    for (const auto& problem : problems) {
        log_.warning("scan: " + problem.message());
    }
    for (auto& info : *found) {
        add_device(std::move(info), host.backend(), kernel);
    }
    return {};
}

void Inventory::add_device(pci::DeviceInfo info, std::string_view backend,
                           const std::optional<KernelView>& kernel) {
    auto device = std::make_unique<Device>();
    if (kernel) {
        device->kernel = kernel->of(info.address);
    } else {
        device->kernel.driver = info.driver;
    }
    const auto lockdown = kernel ? kernel->lockdown() : LockdownMode::unknown;
    device->ownership =
        decide_ownership(facts_of(device->kernel, lockdown, config_.device(info.address).owner));
    device->info = std::move(info);
    for (const auto& capability : device->info.mailboxes) {
        add_mailbox(*device, capability, backend);
    }
    devices_.push_back(std::move(device));
}

void Inventory::add_mailbox(Device& device, const pci::DoeCapability& capability,
                            std::string_view backend) {
    auto mailbox = std::make_unique<Mailbox>();
    mailbox->served = std::make_shared<ServedMailbox>(loop_, device.info.address, capability,
                                                      std::string(backend), device.ownership);
    if (device.ownership.owner == Owner::kernel) {
        mailbox->served->set_kernel_features(kernel_features(device.kernel));
    }
    mailbox->served->on_change([this, entry = mailbox.get()](const doe::MailboxStatus& before) {
        mailbox_changed(*entry, before);
    });
    mailbox->cache = make_cache(device, *mailbox->served);
    device.mailboxes.push_back(std::move(mailbox));
}

/// Null when the kernel owns the mailbox and has no table to show for it. The kernel's table is
/// that of the device: it is shown at the first mailbox.
std::shared_ptr<CdatCache> Inventory::make_cache(const Device& device,
                                                 const ServedMailbox& mailbox) const {
    if (device.ownership.owner == Owner::daemon) {
        return std::make_shared<CdatCache>(
            "mailbox", [weak = std::weak_ptr(mailbox.weak_from_this())](
                           const bus::MethodOptions& options, auto completion) {
                if (const auto served = std::const_pointer_cast<ServedMailbox>(weak.lock())) {
                    served->read_cdat(options, std::move(completion));
                }
            });
    }
    if (device.kernel.cdat_file.empty() || mailbox.capability() != device.info.mailboxes.front()) {
        return nullptr;
    }
    return std::make_shared<CdatCache>(
        "kernel", kernel_reader(loop_, workers_, device.kernel.cdat_file, mailbox.name(),
                                device.ownership.reason));
}

void Inventory::claim(pci::Host& host) {
    for (const auto& device : devices_) {
        if (device->ownership.owner != Owner::daemon) {
            continue;
        }
        for (const auto& mailbox : device->mailboxes) {
            mailbox->served->claim(host, workers_, config_.device(device->info.address).mailbox,
                                   config_.allowed);
        }
    }
}

// --- Publishing ----------------------------------------------------------------------------------

void Inventory::publish(sdbus::IConnection& connection, bus::Pump& pump) {
    connection_ = &connection;
    pump_ = &pump;
    for (const auto& device : devices_) {
        device->object = std::make_unique<DeviceObject>(connection, device->info);
        for (const auto& mailbox : device->mailboxes) {
            mailbox->object = std::make_unique<MailboxObject>(connection, pump, mailbox->served,
                                                              config_.default_deadline);
            update_cdat(*mailbox);
        }
    }
}

void Inventory::mailbox_changed(Mailbox& mailbox, const doe::MailboxStatus& before) {
    log_error(mailbox);
    if (mailbox.object) {
        mailbox.object->emit_changes(before);
        update_cdat(mailbox);
    }
    if (changed_) {
        changed_();
    }
}

void Inventory::log_error(Mailbox& mailbox) {
    const auto& status = mailbox.served->status();
    const bool lost =
        status.state == doe::MailboxState::dead || status.state == doe::MailboxState::gone;
    if (lost && status.last_error != mailbox.logged_error) {
        mailbox.logged_error = status.last_error;
        log_.warning(fmt::format("{} ({})", status.last_error, doe::to_string(status.state)));
    } else if (status.state == doe::MailboxState::idle) {
        mailbox.logged_error.clear();
    }
}

/// The Cdat interface is there while the mailbox is known to offer it. A mailbox that is being
/// claimed anew keeps it.
void Inventory::update_cdat(Mailbox& mailbox) {
    const bool wanted = mailbox.cache && mailbox.served->offers(doe::protocol_table_access) &&
                        config_.allowed.find(doe::protocol_table_access).has_value();
    if (wanted == (mailbox.cdat_object != nullptr)) {
        return;
    }
    if (wanted) {
        const auto& served = *mailbox.served;
        mailbox.cdat_object = std::make_unique<CdatObject>(
            *connection_, *pump_, bus::mailbox_path(served.address(), served.capability().offset),
            mailbox.cache, served.name(), config_.default_deadline);
        mailbox.cdat_object->emit_added();
    } else {
        mailbox.cdat_object->emit_removed();
        mailbox.cdat_object.reset();
    }
}

// --- Start and end -------------------------------------------------------------------------------

bool Inventory::settled() const {
    return std::ranges::all_of(devices_, [](const auto& device) {
        return std::ranges::all_of(device->mailboxes,
                                   [](const auto& mailbox) { return mailbox->served->settled(); });
    });
}

std::string Inventory::summary() const {
    std::size_t mailboxes = 0;
    std::size_t driven = 0;
    for (const auto& device : devices_) {
        for (const auto& mailbox : device->mailboxes) {
            ++mailboxes;
            driven += mailbox->served->ownership().owner == Owner::daemon ? 1U : 0U;
        }
    }
    return fmt::format("{} devices, {} mailboxes ({} driven)", devices_.size(), mailboxes, driven);
}

void Inventory::close(std::function<void()> closed) {
    // The callable is shared by all completions and runs when the last of them is gone.
    const auto last =
        std::shared_ptr<void>(nullptr, [closed = std::move(closed)](void*) { closed(); });
    for (const auto& device : devices_) {
        for (const auto& mailbox : device->mailboxes) {
            mailbox->served->close([last] {});
        }
    }
}

}  // namespace doed::daemon
