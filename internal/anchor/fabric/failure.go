package fabric

import (
	"context"
	"errors"
	"strings"

	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/govmydata/mydata/internal/anchor"
)

// verdicts are the words that the chaincode's errors begin with.
var verdicts = []struct {
	word   string
	is     error
	mender string
}{
	{"CONFLICT", anchor.ErrConflict, "nobody: a size has one content"},
	{"BEHIND", anchor.ErrBehind, "the anchorer: it takes up the newest"},
	{"FOREIGN", anchor.ErrForeign, "the organisations' administrators: register the operator by vote"},
	{"NOTFOUND", anchor.ErrNotFound, "the anchorer"},
	{"UNSIGNED", anchor.ErrInvalid, "the organisations' administrators: register the log's key by vote"},
	{"INVALID", anchor.ErrInvalid, "whoever runs another version of the chaincode"},
}

// refusals are what Fabric itself says about an identity, in its own words.
var refusals = []struct {
	text   string
	is     error
	mender string
}{
	{"expired", anchor.ErrExpired, "the anchorer's operator: a new certificate, registered by vote when its key is new"},
	{"access denied", anchor.ErrOrganisation, "the anchorer's operator: an identity of a member of the channel"},
	{"creator org unknown", anchor.ErrOrganisation, "the anchorer's operator: an identity of a member of the channel"},
	{"FORBIDDEN", anchor.ErrOrganisation, "the anchorer's operator: an identity that may write to the channel"},
}

// handshake is what gRPC says where a connection was not made: a certificate that
// expired is then a peer's or an orderer's own, not the writer's.
const handshake = "authentication handshake failed"

// failure names an error of the network.
func (c *Chain) failure(check string, err error) error {
	said := messages(err)
	f := &anchor.Failure{Is: anchor.ErrUnreachable, Check: check, Cause: short(said), Mender: "the network's operators"}
	for _, v := range verdicts {
		if says(said, v.word) {
			f.Is, f.Mender = v.is, v.mender
			return f
		}
	}
	if strings.Contains(said, handshake) {
		return f
	}
	for _, r := range refusals {
		if strings.Contains(said, r.text) {
			f.Is, f.Mender = r.is, r.mender
			return f
		}
	}
	if code := status.Code(err); code == codes.PermissionDenied || code == codes.Unauthenticated {
		f.Is, f.Mender = anchor.ErrOrganisation, refusals[1].mender
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	return f
}

// says looks for a word of the chaincode where Fabric quotes it, and nowhere
// else.
func says(said, word string) bool {
	return strings.Contains(said, "chaincode response 500, "+word+": ")
}

// messages is what the gateway says, and what each peer or orderer behind it.
func messages(err error) string {
	all := []string{status.Convert(err).Message()}
	var detailed interface {
		error
		Details() []*gateway.ErrorDetail
	}
	if errors.As(err, &detailed) {
		for _, d := range detailed.Details() {
			all = append(all, d.GetMspId()+" "+d.GetAddress()+": "+d.GetMessage())
		}
	}
	return strings.Join(all, "; ")
}

func short(s string) string {
	s = strings.ToValidUTF8(s, "?")
	return s[:min(len(s), 600)]
}
