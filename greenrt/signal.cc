#include "greenrt/signal.h"

#include <signal.h>

#include "greenrt/greenlet.h"
#include "greenrt/hub.h"

namespace greenrt {

SignalHandler::SignalHandler(int signal, std::function<void(int)> function)
    : hub_(Hub::current()), function_(std::move(function)) {
  ev_signal_init(&watcher_, &SignalHandler::on_signal, signal);
  watcher_.data = this;
  ev_signal_start(hub_.loop(), &watcher_);
  ev_unref(hub_.loop());
}

SignalHandler::~SignalHandler() {
  ev_ref(hub_.loop());
  ev_signal_stop(hub_.loop(), &watcher_);
}

void SignalHandler::on_signal(struct ev_loop*, ev_signal* watcher, int) {
  auto* self = static_cast<SignalHandler*>(watcher->data);
  try {
    spawn(self->function_, watcher->signum)->set_name("signal " + std::to_string(watcher->signum));
  } catch (const std::exception&) {
    self->hub_.handle_error("signal", std::current_exception());
  }
}

void ignore_sigpipe() {
  ::signal(SIGPIPE, SIG_IGN);
}

}  // namespace greenrt
