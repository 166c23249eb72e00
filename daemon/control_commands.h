// What hilerad does for hileractl: the commands of control_protocol.h.

#pragma once

#include "daemon/control_server.h"
#include "daemon/database.h"
#include "daemon/intake.h"
#include "daemon/journal_export.h"
#include "daemon/status.h"

namespace hilera {

// They must outlive the server that runs the commands. Without a database section `database` is nullptr.
ControlServer::Commands control_commands(const Status& status, JournalExport& journal, Database* database,
                                         const Intake& intake);

}  // namespace hilera
