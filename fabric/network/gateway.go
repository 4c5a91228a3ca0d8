package main

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-gateway/pkg/hash"
	"github.com/hyperledger/fabric-gateway/pkg/identity"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/protobuf/proto"
)

// session is a caller at an organisation's peer.
type session struct {
	network *network
	conn    *grpc.ClientConn
	gateway *client.Gateway
}

func (s *session) Close() {
	s.gateway.Close()
	s.conn.Close()
}

func (s *session) contract() *client.Contract {
	return s.gateway.GetNetwork(channel).GetContract(chaincode)
}

// connectTo opens a session at the peer of organisation o for whom the pair says,
// as a member of the organisation msp.
func (n *network) connectTo(o int, msp string, who pair) (*session, error) {
	tls, err := credentials.NewClientTLSFromFile(n.peerCA(o), "")
	if err != nil {
		return nil, err
	}
	id, sign, err := who.open(msp)
	if err != nil {
		return nil, err
	}
	conn, err := grpc.NewClient(host(n.peerPort(o)), grpc.WithTransportCredentials(tls))
	if err != nil {
		return nil, err
	}
	g, err := client.Connect(id, client.WithSign(sign), client.WithHash(hash.SHA256), client.WithClientConnection(conn),
		client.WithEvaluateTimeout(10*time.Second), client.WithEndorseTimeout(15*time.Second),
		client.WithSubmitTimeout(10*time.Second), client.WithCommitStatusTimeout(30*time.Second))
	if err != nil {
		conn.Close()
		return nil, err
	}
	return &session{n, conn, g}, nil
}

// open reads the files of a member of an organisation.
func (p pair) open(msp string) (*identity.X509Identity, identity.Sign, error) {
	raw, err := readPEM(p.Cert)
	if err != nil {
		return nil, nil, err
	}
	cert, err := x509.ParseCertificate(raw)
	if err != nil {
		return nil, nil, err
	}
	id, err := identity.NewX509Identity(msp, cert)
	if err != nil {
		return nil, nil, err
	}
	if raw, err = readPEM(p.Key); err != nil {
		return nil, nil, err
	}
	key, err := x509.ParsePKCS8PrivateKey(raw)
	if err != nil {
		return nil, nil, err
	}
	sign, err := identity.NewPrivateKeySign(key)
	return id, sign, err
}

func (n *network) as(o int, role string) (*session, error) {
	who, err := n.identity(o, role)
	if err != nil {
		return nil, err
	}
	return n.connectTo(o, mspOf(o), who)
}

// submit returns when every peer has the block: a gateway waits for its own alone,
// and whoever asks another next would be answered by what was before.
func (s *session) submit(ctx context.Context, function string, args ...string) (string, error) {
	out, commit, err := s.contract().SubmitAsyncWithContext(ctx, function, client.WithArguments(args...))
	if err != nil {
		return "", err
	}
	status, err := commit.StatusWithContext(ctx)
	if err != nil {
		return "", err
	}
	if !status.Successful {
		return "", fmt.Errorf("transaction %s was voided as %s", commit.TransactionID(), status.Code)
	}
	return string(out), s.network.everywhere(ctx, status.BlockNumber)
}

// everywhere waits until each organisation's peer has a block.
func (n *network) everywhere(ctx context.Context, block uint64) error {
	return together(organisation, func(o int) error {
		s, err := n.as(o, "admin")
		if err != nil {
			return err
		}
		defer s.Close()
		chain := s.gateway.GetNetwork(channel).GetContract("qscc")
		return n.patiently(ctx, func() error {
			raw, err := chain.EvaluateWithContext(ctx, "GetChainInfo", client.WithArguments(channel), client.WithEndorsingOrganizations(mspOf(o)))
			if err != nil {
				return err
			}
			var info common.BlockchainInfo
			if err := proto.Unmarshal(raw, &info); err != nil {
				return err
			}
			if info.GetHeight() <= block {
				return fmt.Errorf("%s's peer has %d blocks, not yet block %d", mspOf(o), info.GetHeight(), block)
			}
			return nil
		})
	})
}

func (s *session) evaluate(ctx context.Context, function string, args ...string) (string, error) {
	out, err := s.contract().EvaluateWithContext(ctx, function, client.WithArguments(args...))
	return string(out), err
}

func (n *network) call(ctx context.Context, submit bool, o options) error {
	if o.org < 1 || o.org > organisation || len(o.args) == 0 {
		return errUsage
	}
	s, err := n.as(o.org, o.as)
	if err != nil {
		return err
	}
	defer s.Close()
	do := s.evaluate
	if submit {
		do = s.submit
	}
	out, err := do(ctx, o.args[0], o.args[1:]...)
	if err == nil {
		fmt.Println(out)
	}
	return err
}

// reachable waits until each peer finds the other for an endorsement, so that the
// first caller is served. The vote that it has endorsed is never submitted.
func (n *network) reachable(ctx context.Context) error {
	return together(organisation, func(o int) error {
		s, err := n.as(o, "admin")
		if err != nil {
			return err
		}
		defer s.Close()
		nobody := operatorJSON(mspOf(o), base64.RawURLEncoding.EncodeToString(make([]byte, sha256.Size)), "")
		return n.patiently(ctx, func() error {
			proposal, err := s.contract().NewProposal("Vote", client.WithArguments("nothing.test", "1", nobody))
			if err != nil {
				return err
			}
			_, err = proposal.EndorseWithContext(ctx)
			return err
		})
	})
}

func (n *network) vote(ctx context.Context, o int, origin string, version int64, operator string) (string, error) {
	s, err := n.as(o, "admin")
	if err != nil {
		return "", err
	}
	defer s.Close()
	return s.submit(ctx, "Vote", origin, strconv.FormatInt(version, 10), operator)
}

// voteByFile votes for a certificate: as one organisation, or as all.
func (n *network) voteByFile(ctx context.Context, o options) error {
	if o.org < 0 || o.org > organisation {
		return fmt.Errorf("--org %d: 1 to %d, or none for all", o.org, organisation)
	}
	key, err := keyOf(o.operator)
	if err != nil {
		return err
	}
	log, err := logKeyOf(o.logKey)
	if err != nil {
		return err
	}
	for org := 1; org <= organisation; org++ {
		if o.org != 0 && o.org != org {
			continue
		}
		out, err := n.vote(ctx, org, o.origin, o.version, operatorJSON(o.msp, key, log))
		if err != nil {
			return fmt.Errorf("vote of %s: %w", mspOf(org), err)
		}
		fmt.Println(out)
	}
	return nil
}

// operatorJSON is what the chaincode takes; log is a key of the log, "" when its
// checkpoints need no signature.
func operatorJSON(msp, key, log string) string {
	if log != "" {
		return fmt.Sprintf(`{"keys":[%q],"logs":[%q],"msp":%q}`, key, log, msp)
	}
	return fmt.Sprintf(`{"keys":[%q],"msp":%q}`, key, msp)
}

// logKeyOf reads a log's verifier key (C2SP signed-note) as the chaincode takes it.
func logKeyOf(file string) (string, error) {
	if file == "" {
		return "", nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	_, rest, _ := strings.Cut(string(text), "+")
	_, key, _ := strings.Cut(strings.TrimSpace(rest), "+")
	raw, err := base64.StdEncoding.DecodeString(key)
	if err != nil || len(raw) != 33 || raw[0] != 1 {
		return "", fmt.Errorf("%s: no verifier key of a log", file)
	}
	return base64.StdEncoding.EncodeToString(raw[1:]), nil
}

// keyOf names a certificate's key as the chaincode does.
func keyOf(file string) (string, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	block, _ := pem.Decode(raw)
	if block == nil {
		return "", fmt.Errorf("no certificate in %s", file)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	return base64.RawURLEncoding.EncodeToString(sum[:]), nil
}
