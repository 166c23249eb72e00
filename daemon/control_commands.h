// What hilerad does for hileractl: the commands of control_protocol.h.

#pragma once

#include "daemon/control_server.h"
#include "daemon/downlink_table.h"
#include "daemon/journal_export.h"
#include "daemon/status.h"

namespace hilera {

// They must outlive the server that runs the commands. Without a database `downlinks` is nullptr.
ControlServer::Commands control_commands(const Status& status, JournalExport& journal, DownlinkTable* downlinks);

}  // namespace hilera
