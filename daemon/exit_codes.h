// Exit statuses of the programs, as in <sysexits.h>, so that systemd shows them by name.

#pragma once

namespace hilera {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailure = 1;       // the work could not be done
inline constexpr int kExitUsage = 64;        // the command line is wrong
inline constexpr int kExitUnavailable = 69;  // what is asked does not answer
inline constexpr int kExitConfig = 78;       // the configuration is wrong

}  // namespace hilera
