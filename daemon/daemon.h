// Daemon: hilerad as a whole. Makes the parts from the configuration, runs them, and ends them in order.
//
//   sockets -> Intake -> Storage: Journal -> Shards -> MariaDB            frames up
//   MariaDB -> DownlinkTable -> Transmitter -> sockets                    frames down
//   HttpServer, ControlServer, Watchdog, DatabaseMonitor                  around it
//
// Everything lives on one hub. SIGTERM and SIGINT begin the drain; a second one ends it at once. SIGHUP reads the
// configuration again: see reload.h.

#pragma once

#include "daemon/config.h"
#include "daemon/handed_sockets.h"
#include "daemon/logging.h"
#include "daemon/reloader.h"

namespace hilera {

// Runs in the main greenlet until a signal has ended it. `sockets` are assigned to the listeners; `read_config` reads
// the configuration again, on another thread. Returns the exit status: 0 after an orderly drain, also when its time was
// over. Throws std::exception when it cannot start.
int run_daemon(const Config& config, Logging& logging, HandedSockets sockets = {}, Reloader::Read read_config = {});

}  // namespace hilera
