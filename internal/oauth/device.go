package oauth

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"

	"github.com/govmydata/mydata/internal/registry"
)

// StepDevice is the page on which a citizen reads which device asks, and answers.
const StepDevice = "device"

// The times of a device's request (RFC 8628, 3.2 and 3.5).
const (
	deviceLife  = 10 * time.Minute
	devicePause = 5 * time.Second // between polls, and more by so much after each slow_down
	maxPause    = time.Minute
)

// userAlphabet has no vowels, no digits and nothing that is read for another
// (RFC 8628, 6.1). Eight of twenty are 34 bits; what an address may try is bounded.
const (
	userAlphabet = "BCDFGHJKLMNPQRSTVWXZ"
	userLength   = 8
)

// ErrUserCode: no device that waits for an answer has this user code.
var ErrUserCode = errors.New("oauth: no such user code")

// The states of a device's request.
const (
	DevicePending  = "pending"
	DeviceApproved = "approved"
	DeviceDenied   = "denied"
	DeviceUsed     = "used"
)

// Device is a device's request for a login.
type Device struct {
	Hash    string // of the device code
	User    string // hash of the user code
	Client  string
	Scopes  []string
	Grant   string // the id of the grant that it will give or gave
	State   string
	Answer  DeviceAnswer
	Pause   time.Duration // between polls
	Early   bool          // this poll came too soon
	Expires time.Time
	// Instance is the thumbprint of the attested key of who asked, or "".
	Instance string
}

// DeviceAnswer is who said yes, and by which login.
type DeviceAnswer struct {
	Citizen  string
	AuthTime time.Time
	AMR      []string
	Session  string
}

// DeviceStore is the part of Store that keeps devices' requests.
type DeviceStore interface {
	// PutDevice keeps a new request; ErrConflict when another waits under the same
	// user code.
	PutDevice(ctx context.Context, d Device) error
	// Device finds a request by its device code's hash, in whatever state and
	// expired ones too; DeviceOf one that waits for its answer, by its user code's.
	// ErrGone when there is none.
	Device(ctx context.Context, hash string) (Device, error)
	DeviceOf(ctx context.Context, user string, now time.Time) (Device, error)
	// PollDevice notes a poll. One that came before Pause had passed is Early, and
	// Pause grows by more, at most to most.
	PollDevice(ctx context.Context, hash string, now time.Time, more, most time.Duration) (Device, error)
	// AnswerDevice ends an interaction, if its Version is still the one given, and
	// keeps the answer of the device it was about (nil: no). ErrGone, nothing
	// written, when either is over, answered before or expired.
	AnswerDevice(ctx context.Context, id string, version int64, hash string, yes *DeviceAnswer, now time.Time) error
	// RedeemDevice marks an approved request used and keeps its grant and tokens;
	// ErrUsed, nothing kept, when it was used before or not approved.
	RedeemDevice(ctx context.Context, hash string, g Grant, t Tokens) error
}

// deviceAuthorization is the device authorization endpoint (RFC 8628, 3.1).
func (s *Server) deviceAuthorization(w http.ResponseWriter, r *http.Request) {
	form, refusal := postForm(w, r)
	if refusal != nil {
		s.writeRefusal(w, r, refusal)
		return
	}
	response, err := s.askDevice(r, form)
	if err != nil {
		s.writeRefusal(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, response)
}

// deviceResponse is RFC 8628, 3.2. There is no verification_uri_complete: a link
// that carries the code is what a phisher sends (5.4).
type deviceResponse struct {
	DeviceCode      string `json:"device_code"`
	UserCode        string `json:"user_code"`
	VerificationURI string `json:"verification_uri"`
	ExpiresIn       int64  `json:"expires_in"`
	Interval        int64  `json:"interval"`
}

func (s *Server) askDevice(r *http.Request, form url.Values) (*deviceResponse, error) {
	ctx := r.Context()
	client, refusal := s.authenticate(ctx, credentialsOf(r, form))
	if refusal != nil {
		return nil, refusal
	}
	scopes, refusal := s.deviceScopes(client, form)
	if refusal != nil {
		return nil, refusal
	}
	if err := s.Limits.Take(ctx, budgetPAR, spender(client)); err != nil {
		return nil, err
	}
	code := secret()
	for range 3 {
		user := newUserCode()
		err := s.Store.PutDevice(ctx, Device{
			Hash: hash("device", code), User: hash("user_code", user), Client: client.ID, Scopes: scopes, Grant: secret(),
			State: DevicePending, Pause: devicePause, Expires: s.now().Add(deviceLife), Instance: instanceOf(ctx),
		})
		if errors.Is(err, ErrConflict) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return &deviceResponse{
			DeviceCode: code, UserCode: user[:userLength/2] + "-" + user[userLength/2:], VerificationURI: s.Issuer + "/device",
			ExpiresIn: int64(deviceLife.Seconds()), Interval: int64(devicePause.Seconds()),
		}, nil
	}
	return nil, internal(errors.New("oauth: no free user code"))
}

// deviceScopes says what a device may ask for. A kiosk asks who somebody is. It
// gets no consent of theirs, no credential and nothing that outlives the visit.
func (s *Server) deviceScopes(client registry.Client, form url.Values) ([]string, *Refusal) {
	if !client.MayGrant(registry.GrantDevice) {
		return nil, refuse("unauthorized_client", "this client may not use the device grant")
	}
	for _, name := range []string{"authorization_details", "request", "request_uri"} {
		if form.Has(name) {
			return nil, refuse("invalid_request", name+" cannot be asked for by a device")
		}
	}
	var scopes []string
	for _, scope := range strings.Fields(form.Get("scope")) {
		if scope == oidc.ScopeOfflineAccess || s.issues([]string{scope}) {
			return nil, refuse("invalid_scope", "a device gets neither credentials nor refresh tokens")
		}
		if slices.Contains(client.Scopes, scope) && !slices.Contains(scopes, scope) {
			scopes = append(scopes, scope)
		}
	}
	if len(scopes) == 0 {
		return nil, refuse("invalid_scope", "nothing is asked for that this client may have")
	}
	return scopes, nil
}

// newUserCode draws letters without favour to any.
func newUserCode() string {
	out := make([]byte, 0, userLength)
	for len(out) < userLength {
		b := make([]byte, 2*userLength)
		rand.Read(b)
		for _, c := range b {
			if n := len(userAlphabet); int(c) < 256/n*n && len(out) < userLength {
				out = append(out, userAlphabet[int(c)%n])
			}
		}
	}
	return string(out)
}

// userCode is a code as it was made of what a person typed: case, spaces and
// punctuation do not count (RFC 8628, 6.1). "" for what no code is.
func userCode(typed string) string {
	if len(typed) > maxText {
		return ""
	}
	var out []byte
	for _, r := range strings.ToUpper(typed) {
		switch {
		case r < 0x80 && strings.ContainsRune(userAlphabet, r):
			out = append(out, byte(r)) //nolint:gosec // ASCII
		case r == '-' || r == ' ' || r == '.':
		default:
			return ""
		}
	}
	if len(out) != userLength {
		return ""
	}
	return string(out)
}
