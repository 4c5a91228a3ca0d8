package limit

import "net/http"

// maxFields is how many header fields a request may have. Five bytes make one, and it
// takes a hundred of memory: a header of 40 KiB took a megabyte.
const maxFields = 128

// Fields refuses requests of more header fields, and keeps none of them while the rest
// of such a request comes.
func Fields(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.Header) <= maxFields {
			next.ServeHTTP(w, r)
			return
		}
		r.Header = nil
		http.Error(w, "431 Request Header Fields Too Large", http.StatusRequestHeaderFieldsTooLarge)
	})
}
