// SPDX-License-Identifier: Apache-2.0
//
// Who may call what: the one place that decides. Everybody may look at properties, which take no device and do not come by
// here. Of methods, those in a list of their own may be called by those that the list says; all others by nobody. Root, and the
// user that the service itself runs as, may call whatever is in the list: they would not need it for that. Bus loop only.
#pragma once

#include "base/result.hpp"
#include "base/scheduler.hpp"
#include "daemon/bus/authority.hpp"
#include "daemon/bus/clients.hpp"
#include "daemon/bus/method_options.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace doed::bus {

/// What a call can do to others.
enum class Access : std::uint8_t {
    look,       ///< takes no device, as reading a property: everybody
    read_cdat,  ///< has a device read: the readers' group, or polkit's org.doed1.read-cdat
    manage,     ///< takes a mailbox from others for a time: polkit's org.doed1.manage
};

/// polkit's name of it; empty for what everybody may.
[[nodiscard]] std::string_view action_of(Access access) noexcept;

struct Method {
    std::string_view interface;
    std::string_view name;
};

/// None for what nobody may call.
[[nodiscard]] std::optional<Access> access_to(const Method& method) noexcept;

/// Refreshes that one user may ask for without the right to manage.
struct RefreshLimits {
    std::uint32_t at_once = 10;
    base::Duration pause = std::chrono::seconds(1);  ///< until there may be one more
};

/// A call that was refused, for the log.
struct Denial {
    std::string client;
    std::uint32_t uid = 0;
    std::string method;   ///< "org.doed1.Mailbox.Reset"
    std::string subject;  ///< the mailbox
    std::string reason;
};

class Gatekeeper {
public:
    struct Setup {
        std::uint32_t own_uid = 0;  ///< what the service runs as
        std::optional<std::uint32_t>
            group;  ///< whose members may read; none: root and polkit alone decide
        std::string group_name = "doe";  ///< for those who are refused
        RefreshLimits refreshes;
        std::function<void(const Denial&)> denied;
    };
    /// Who calls what of which mailbox.
    struct Call {
        std::string client;   ///< unique name
        Method method;        ///< of static storage
        std::string subject;  ///< stands in front of errors
        Charge charge = Charge::user;
    };
    using Admitted = std::move_only_function<void(base::Result<RequestPtr>)>;

    /// Clients and authority outlive the object.
    Gatekeeper(Clients& clients, Authority& authority, Setup setup);
    Gatekeeper(const Gatekeeper&) = delete;
    Gatekeeper& operator=(const Gatekeeper&) = delete;
    ~Gatekeeper();

    /// Called inside a handler of the client's call. `admitted` gets the request, at once when the client is known and polkit
    /// need not be asked. Errors: access_denied, saying what would be needed; those of Clients::admit(); deadline_exceeded.
    /// Not called when the object is dropped.
    void admit(const Call& call, const MethodOptions& options, Admitted admitted);

private:
    class Desk;

    Clients& clients_;
    std::shared_ptr<Desk> desk_;
};

}  // namespace doed::bus
