#include "greenrt/hub_call.h"

#include <exception>
#include <utility>

#include "greenrt/hub.h"

namespace greenrt {

HubCall::HubCall(std::function<void()> callback) : loop_(Hub::current().loop()), callback_(std::move(callback)) {
  ev_async_init(&async_, &HubCall::on_call);
  async_.data = this;
  ev_async_start(loop_, &async_);
  ev_unref(loop_);
}

HubCall::~HubCall() {
  ev_ref(loop_);
  ev_async_stop(loop_, &async_);
}

void HubCall::make() {
  ev_async_send(loop_, &async_);
}

void HubCall::expect() {
  ev_ref(loop_);
}

void HubCall::expect_no_more() {
  ev_unref(loop_);
}

void HubCall::on_call(struct ev_loop*, ev_async* async, int) {
  try {
    static_cast<HubCall*>(async->data)->callback_();
  } catch (...) {  // libev, which is between here and the hub, is C
    Hub::current().handle_error("hub call", std::current_exception());
  }
}

}  // namespace greenrt
