// SPDX-License-Identifier: Apache-2.0
//
// Precompiled for the daemon: the large headers nearly every file of it sees. Compiled as a file of
// its own, hence without "pragma once".
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <sdbus-c++/sdbus-c++.h>

#include <fmt/format.h>
