// Target config: the text of a configuration file. It is taken, and then printed so that it reads back as the same, or
// it is refused with a reason for everything that is wrong.

#include <string>

#include "daemon/config.h"
#include "tests/fuzz/fuzz.h"

namespace {

using fuzz::check;

void run(fuzz::Bytes input) {
  const std::string text = fuzz::text_of(input);
  hilera::Config config;
  try {
    config = hilera::parse_config(text, "hilera.yaml");
  } catch (const hilera::ConfigError& error) {
    check(!error.issues().empty(), "a refusal has a reason");
    for (const hilera::ConfigIssue& issue : error.issues())
      check(!issue.message.empty() && issue.line >= 0, "a reason is told, with its line");
    return;
  }
  check(!config.listeners.empty() && !config.collector.empty(), "what is taken can be run");
  const std::string printed = hilera::print_config(config);
  check(hilera::parse_config(printed, "printed") == config, "what is printed reads back as the same");
  static_cast<void>(hilera::config_notices(config));
}

const fuzz::Target kTarget("config", run);

}  // namespace
