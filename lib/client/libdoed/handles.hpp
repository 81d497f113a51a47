// SPDX-License-Identifier: Apache-2.0
//
// What is given out: records in C's clothes. Never changed once they are made.
#pragma once

#include "cdat/structures.hpp"
#include "cdat/summary.hpp"
#include "cdat/table.hpp"
#include "client/libdoed/shared.hpp"
#include "client/message_reader.hpp"
#include "client/records.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include <doed/doed.h>

struct doed_features final : doed::client::Shared {
    explicit doed_features(std::vector<doed::client::Feature> features)
        : list(std::move(features)) {}

    const std::vector<doed::client::Feature> list;
};

struct doed_cdat_status final : doed::client::Shared {
    explicit doed_cdat_status(doed::client::CdatRecord status) : record(std::move(status)) {}

    const doed::client::CdatRecord record;
};

struct doed_manager final : doed::client::Shared {
    /// Of the properties of org.doed1.Manager.
    explicit doed_manager(const doed::client::PropertyMap& properties);

    std::string version;
    std::string lockdown;
    doed::client::Ref<doed_features> protocols;
};

struct doed_mailbox {
    doed_mailbox(doed_device& device, std::size_t index, doed::client::MailboxRecord&& record);

    doed_device& device;
    const std::size_t index;
    const doed::client::MailboxRecord record;
    const doed::client::Ref<doed_features> features;
    doed::client::Ref<doed_cdat_status> cdat;
};

struct doed_device {
    doed_device(const doed_snapshot& snapshot, std::size_t index,
                doed::client::DeviceRecord&& record);

    const doed_snapshot& snapshot;
    const std::size_t index;
    doed::client::DeviceRecord record;  ///< its mailboxes have been taken out
    std::deque<doed_mailbox> mailboxes;
};

struct doed_snapshot final : doed::client::Shared {
    explicit doed_snapshot(std::vector<doed::client::DeviceRecord> records);

    std::deque<doed_device> devices;
};

struct doed_cdat final : doed::client::Shared {
    explicit doed_cdat(std::vector<std::uint8_t> bytes);

    /// A structure of one type, and where it lies in the table.
    template <typename Body>
    struct Placed {
        Body body;
        std::uint32_t offset_bytes = 0;
    };

    const doed::cdat::Table table;
    const std::vector<doed::cdat::Problem> problems;
    doed::cdat::Summary summary;
    std::vector<Placed<doed::cdat::Dsmas>> dsmas;
    std::vector<Placed<doed::cdat::Dslbis>> dslbis;
    std::vector<Placed<doed::cdat::Dsmscis>> dsmscis;
    std::vector<Placed<doed::cdat::Dsis>> dsis;
    std::vector<Placed<doed::cdat::Dsemts>> dsemts;
    std::vector<Placed<doed::cdat::Sslbis>> sslbis;

private:
    void take(doed::cdat::Opaque&&, std::uint32_t) {}
    void take(doed::cdat::Dsmas&& body, std::uint32_t at) { dsmas.push_back({body, at}); }
    void take(doed::cdat::Dslbis&& body, std::uint32_t at) { dslbis.push_back({body, at}); }
    void take(doed::cdat::Dsmscis&& body, std::uint32_t at) { dsmscis.push_back({body, at}); }
    void take(doed::cdat::Dsis&& body, std::uint32_t at) { dsis.push_back({body, at}); }
    void take(doed::cdat::Dsemts&& body, std::uint32_t at) { dsemts.push_back({body, at}); }
    void take(doed::cdat::Sslbis&& body, std::uint32_t at) {
        sslbis.push_back({std::move(body), at});
    }
};
