// Which of the streams of hileractl are terminals; none in tests, unless they say so.

#pragma once

namespace hilera::ctl {

struct Terminals {
  bool screen = false;  // standard input and output: a screen may be drawn, and keys are read
  bool notes = false;   // standard error: the progress of what takes long may be shown
};

// Of this process.
[[nodiscard]] Terminals terminals();

}  // namespace hilera::ctl
