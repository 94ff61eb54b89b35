#pragma once
#include <arpa/inet.h>
#include <curl/curl.h>
#include <sys/socket.h>

// curl_easy_setopt and curl_easy_getinfo are variadic, which Swift cannot call.
static inline CURLcode docq_curl_set_long(CURL *handle, CURLoption option, long value) {
  return curl_easy_setopt(handle, option, value);
}
static inline CURLcode docq_curl_set_offset(CURL *handle, CURLoption option, curl_off_t value) {
  return curl_easy_setopt(handle, option, value);
}
static inline CURLcode docq_curl_set_string(CURL *handle, CURLoption option, const char *value) {
  return curl_easy_setopt(handle, option, value);
}
static inline CURLcode docq_curl_set_pointer(CURL *handle, CURLoption option, void *value) {
  return curl_easy_setopt(handle, option, value);
}
typedef size_t (*docq_curl_data_callback)(char *data, size_t size, size_t count, void *context);
static inline CURLcode docq_curl_set_data_callback(CURL *handle, CURLoption option, docq_curl_data_callback callback) {
  return curl_easy_setopt(handle, option, callback);
}
typedef int (*docq_curl_progress_callback)(void *context, curl_off_t download_total, curl_off_t downloaded,
                                           curl_off_t upload_total, curl_off_t uploaded);
static inline CURLcode docq_curl_set_progress_callback(CURL *handle, docq_curl_progress_callback callback) {
  return curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, callback);
}
static inline CURLcode docq_curl_get_long(CURL *handle, CURLINFO info, long *value) {
  return curl_easy_getinfo(handle, info, value);
}
static inline CURLcode docq_curl_get_string(CURL *handle, CURLINFO info, char **value) {
  return curl_easy_getinfo(handle, info, value);
}

// Called with every address that curl is about to connect to, as text; 0 refuses it. `context` is CURLOPT_OPENSOCKETDATA.
typedef int (*docq_curl_address_check)(void *context, const char *address);
struct docq_curl_guard {
  docq_curl_address_check check;
  void *context;
};
static inline curl_socket_t docq_curl_open_checked(void *data, curlsocktype purpose, struct curl_sockaddr *address) {
  const struct docq_curl_guard *guard = (const struct docq_curl_guard *)data;
  char text[INET6_ADDRSTRLEN] = "";
  const void *bytes = address->family == AF_INET    ? (const void *)&((struct sockaddr_in *)&address->addr)->sin_addr
                      : address->family == AF_INET6 ? (const void *)&((struct sockaddr_in6 *)&address->addr)->sin6_addr
                                                    : NULL;
  (void)purpose;
  if (!bytes || !inet_ntop(address->family, bytes, text, sizeof text)) return CURL_SOCKET_BAD;
  if (!guard->check(guard->context, text)) return CURL_SOCKET_BAD;
  return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}
// `guard` has to live until the transfer is over.
static inline void docq_curl_set_guard(CURL *handle, struct docq_curl_guard *guard) {
  curl_easy_setopt(handle, CURLOPT_OPENSOCKETFUNCTION, docq_curl_open_checked);
  curl_easy_setopt(handle, CURLOPT_OPENSOCKETDATA, guard);
}
