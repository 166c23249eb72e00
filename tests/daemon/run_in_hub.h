// run_in_hub: a test's body as the main greenlet of a hub, so that it may wait. An error that reaches the hub fails the
// test.

#pragma once

#include <gtest/gtest.h>

#include <exception>
#include <functional>
#include <string>

#include "greenrt/error.h"
#include "greenrt/hub.h"

namespace hilera {

inline void run_in_hub(std::function<void()> body) {
  greenrt::Hub hub;
  hub.set_error_handler([](std::string_view context, const std::exception_ptr& error) {
    try {
      std::rethrow_exception(error);
    } catch (const std::exception& failure) {
      ADD_FAILURE() << context << ": " << failure.what();
    } catch (const greenrt::Unwind& unwind) {
      ADD_FAILURE() << context << ": " << unwind.what();
    }
  });
  hub.run(std::move(body));
}

}  // namespace hilera
