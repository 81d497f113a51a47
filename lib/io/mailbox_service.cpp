// SPDX-License-Identifier: Apache-2.0
#include "io/mailbox_service.hpp"

#include "io/strand_scheduler.hpp"

namespace doed::io {

namespace asio = boost::asio;

struct MailboxService::Core {
    Core(const asio::any_io_executor& workers, std::unique_ptr<pci::ConfigSpace> config,
         const pci::Address& address, const pci::DoeCapability& capability,
         const doe::MailboxOptions& options, const doe::AllowList& allowed,
         doe::Mailbox::Listener listener)
        : scheduler(workers),
          mailbox(scheduler, marked(scheduler.pulse(), std::move(config)), address, capability,
                  options, allowed, std::move(listener)) {}

    StrandScheduler scheduler;
    doe::Mailbox mailbox;
};

std::shared_ptr<MailboxService> MailboxService::create(
    const asio::any_io_executor& workers, std::unique_ptr<pci::ConfigSpace> config,
    const pci::Address& address, const pci::DoeCapability& capability,
    const doe::MailboxOptions& options, const doe::AllowList& allowed,
    asio::any_io_executor listener_executor, Listener listener) {
    auto shared_listener = std::make_shared<Listener>(std::move(listener));
    auto forward = [listener_executor = std::move(listener_executor),
                    shared_listener](const doe::MailboxStatus& status) {
        asio::post(listener_executor, [shared_listener, status] { (*shared_listener)(status); });
    };
    auto core = std::make_shared<Core>(workers, std::move(config), address, capability, options,
                                       allowed, std::move(forward));
    return std::shared_ptr<MailboxService>(new MailboxService(std::move(core)));
}

// Every task below holds the core: the mailbox outlives what was posted to it.

MailboxService::~MailboxService() {
    auto& scheduler = core_->scheduler;
    scheduler.post([core = std::move(core_)] {});
}

void MailboxService::start() {
    core_->scheduler.post([core = core_] { core->mailbox.start(); });
}

void MailboxService::execute(std::shared_ptr<doe::Operation> operation, ExecuteOptions options,
                             std::shared_ptr<Call> call, doe::OperationCompletion completion) {
    core_->scheduler.post([core = core_, operation = std::move(operation), options,
                           call = std::move(call), completion = std::move(completion)]() mutable {
        if (call->withdrawn) {
            completion(base::fail(base::Errc::cancelled, core->mailbox.name()));
            return;
        }
        call->ticket = core->mailbox.submit(doe::Submission{std::move(operation), options.deadline,
                                                            options.uid, std::move(completion)});
    });
}

void MailboxService::withdraw(std::shared_ptr<Call> call) {
    core_->scheduler.post([core = core_, call = std::move(call)] {
        call->withdrawn = true;
        core->mailbox.cancel(call->ticket);
    });
}

void MailboxService::reset(std::move_only_function<void(base::Result<void>)> completion) {
    core_->scheduler.post([core = core_, completion = std::move(completion)]() mutable {
        core->mailbox.reset(std::move(completion));
    });
}

void MailboxService::trace(std::move_only_function<void(Trace)> completion) {
    core_->scheduler.post([core = core_, completion = std::move(completion)]() mutable {
        completion(core->mailbox.trace());
    });
}

void MailboxService::close(base::Errc why, std::move_only_function<void()> closed) {
    core_->scheduler.post([core = core_, why, closed = std::move(closed)]() mutable {
        core->mailbox.close(why, std::move(closed));
    });
}

void MailboxService::revive() {
    core_->scheduler.post([core = core_] { core->mailbox.revive(); });
}

void MailboxService::notify_interrupt() {
    core_->scheduler.post([core = core_] { core->mailbox.on_interrupt(); });
}

std::shared_ptr<Pulse> MailboxService::pulse() const {
    return core_->scheduler.pulse();
}

}  // namespace doed::io
