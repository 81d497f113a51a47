// SPDX-License-Identifier: Apache-2.0
#include "daemon/doed_main.hpp"

int main(int argc, char** argv) {
    return doed::daemon::doed_main(argc, argv);
}
