// What a running daemon can take from its configuration when that is read again, and what it cannot.
//
// It can change what it says in the log, the limits and the acknowledgements of the pipeline, the end, how many
// connections there are to the database, and who is believed: the files of keys and of devices, which are read again in
// any case. Listeners may be added and removed. It cannot change the socket of a listener that stays, its journal, the
// rest of its database and its tables in memory: a file that asks for that is refused as a whole, and a restart takes
// it.

#pragma once

#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "daemon/config.h"
#include "ingest/trust.h"

namespace hilera {

// Something in a good configuration needs a restart; what() says what.
class NeedsRestart : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

// What `wanted` has otherwise than `running` and cannot be changed, as keys of the file; empty: nothing.
// `most_in_flight`: what pipeline.max_in_flight was at the start, when the journal and the table of admission were made
// for it.
std::vector<std::string> fixed_changes(const Config& running, const Config& wanted, std::uint32_t most_in_flight);

struct NewConfig {
  Config config;
  std::vector<ingest::Trust> trusts;  // one each of config.listeners
};

// Reads everything that a reload needs. `read` gives the configuration or throws ConfigError. Throws TrustFileError and
// NeedsRestart as well. Blocks on files; may run on any thread.
NewConfig read_again(const std::function<Config()>& read, const Config& running, std::uint32_t most_in_flight);

}  // namespace hilera
