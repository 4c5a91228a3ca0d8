package openid4vp

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/go-jose/go-jose/v4/json"

	"github.com/govmydata/mydata/pkg/credential/sdjwt"
	"github.com/govmydata/mydata/pkg/legible"
)

// Limits on transaction data.
const (
	MaxTransaction  = 8 << 10 // of one object
	maxTransactions = 8
)

// ErrTransaction is what every refusal of transaction data is.
var ErrTransaction = errors.New("invalid transaction data")

// Kind is what a member of transaction data may be.
type Kind int

// The kinds: a text that can be shown, or a whole number that is not negative.
const (
	Text Kind = iota
	Whole
)

// Member is one member of a type, named as in the JSON and shown in this order.
type Member struct {
	Name     string
	Kind     Kind
	Optional bool
	Max      int // characters of a Text
}

// TransactionType is one registered type: what it may hold, and so what a page
// shows of it. Members that it does not know are refused (section 8.5).
type TransactionType struct {
	Name    string
	Members []Member
}

// TransactionTypes are the types that a party knows; none means that it refuses
// transaction data.
type TransactionTypes []TransactionType

// The types of this project.
const (
	TransactionStatement = "urn:mydata:transaction:statement:1"
	TransactionPayment   = "urn:mydata:transaction:payment:1"
)

// Transactions are the types of this project: a statement that is agreed to, and
// a payment.
func Transactions() TransactionTypes {
	return TransactionTypes{
		{Name: TransactionStatement, Members: []Member{
			{Name: "statement", Max: 500}, {Name: "reference", Optional: true, Max: 64},
		}},
		{Name: TransactionPayment, Members: []Member{
			{Name: "payee", Max: 100}, {Name: "amount", Kind: Whole}, {Name: "currency", Max: 3}, {Name: "reference", Optional: true, Max: 64},
		}},
	}
}

// Transaction is one object of transaction_data (section 5.1).
type Transaction struct {
	Type        string
	Credentials []string // ids of Credential Queries, one of which authorizes it
	Algorithms  []string // transaction_data_hashes_alg, if named
	Details     []Detail // in the order of the type
	Encoded     string   // what travels and what is hashed
}

// Detail is one member, a string or an int64.
type Detail struct {
	Name  string
	Value any
}

// Hash is over the encoded string (B.3.3.1): base64url of its SHA-256.
func (t Transaction) Hash() string {
	sum := sha256.Sum256([]byte(t.Encoded))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Parse reads one object as JSON, for the query that it goes with.
func (types TransactionTypes) Parse(object []byte, q Query) (Transaction, error) {
	t := Transaction{Encoded: base64.RawURLEncoding.EncodeToString(object)}
	return t, types.read(&t, object, q)
}

// Decode reads what travels: a non-empty array of encoded objects.
func (types TransactionTypes) Decode(list []string, q Query) ([]Transaction, error) {
	if len(list) == 0 || len(list) > maxTransactions {
		return nil, fmt.Errorf("%w: 1 to %d are allowed", ErrTransaction, maxTransactions)
	}
	var all []Transaction
	for i, encoded := range list {
		object, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
		if err != nil {
			return nil, fmt.Errorf("%w: %d is not base64url", ErrTransaction, i+1)
		}
		if slices.Contains(list[:i], encoded) {
			return nil, fmt.Errorf("%w: %d is there twice", ErrTransaction, i+1)
		}
		t := Transaction{Encoded: encoded}
		if err := types.read(&t, object, q); err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, nil
}

func (types TransactionTypes) read(t *Transaction, object []byte, q Query) error {
	var common struct {
		Type        string   `json:"type"`
		Credentials []string `json:"credential_ids"`
		Algorithms  []string `json:"transaction_data_hashes_alg"`
	}
	var members map[string]any
	if err := errors.Join(decode(object, MaxTransaction, &common), decode(object, MaxTransaction, &members)); err != nil {
		return fmt.Errorf("%w: %w", ErrTransaction, err)
	}
	at := slices.IndexFunc(types, func(known TransactionType) bool { return known.Name == common.Type })
	if at < 0 {
		return fmt.Errorf("%w: type %.60q is not known here", ErrTransaction, common.Type)
	}
	t.Type, t.Credentials, t.Algorithms = common.Type, common.Credentials, common.Algorithms
	if _, named := members["transaction_data_hashes_alg"]; named && !slices.Contains(t.Algorithms, sdjwt.HashAlgorithm) {
		return fmt.Errorf("%w: transaction_data_hashes_alg has no %s", ErrTransaction, sdjwt.HashAlgorithm)
	}
	if err := t.checkCredentials(q); err != nil {
		return err
	}
	for _, name := range []string{"type", "credential_ids", "transaction_data_hashes_alg"} {
		delete(members, name)
	}
	return t.fill(types[at], members)
}

// checkCredentials: each names a query whose answer is bound to its holder, whose
// signature is what authorizes.
func (t *Transaction) checkCredentials(q Query) error {
	if len(t.Credentials) == 0 || len(t.Credentials) > maxCredentials {
		return fmt.Errorf("%w: credential_ids: 1 to %d are allowed", ErrTransaction, maxCredentials)
	}
	for i, id := range t.Credentials {
		c, known := q.Credential(id)
		if !known || !q.asks(id) || slices.Contains(t.Credentials[:i], id) {
			return fmt.Errorf("%w: credential_ids: %.40q is not asked for, or twice", ErrTransaction, id)
		}
		if !c.Binding() {
			return fmt.Errorf("%w: credential_ids: %s is asked for without holder binding", ErrTransaction, id)
		}
	}
	return nil
}

// fill takes the members that the type has, and leaves none.
func (t *Transaction) fill(of TransactionType, members map[string]any) error {
	for _, m := range of.Members {
		value, there := members[m.Name]
		if !there && m.Optional {
			continue
		}
		if !there {
			return fmt.Errorf("%w: %s is missing", ErrTransaction, m.Name)
		}
		read, err := m.read(value)
		if err != nil {
			return fmt.Errorf("%w: %s %w", ErrTransaction, m.Name, err)
		}
		t.Details = append(t.Details, Detail{Name: m.Name, Value: read})
		delete(members, m.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		return fmt.Errorf("%w: %.60q is no member of this type", ErrTransaction, name)
	}
	return nil
}

func (m Member) read(value any) (any, error) {
	if m.Kind == Whole {
		_, number := value.(json.Number)
		n, ok := integer(value)
		if !number || !ok || n < 0 {
			return nil, errors.New("is not a whole number")
		}
		return n, nil
	}
	text, ok := value.(string)
	if !ok || text == "" || len([]rune(text)) > m.Max {
		return nil, fmt.Errorf("is not a text of 1 to %d characters", m.Max)
	}
	if err := legible.Check(text); err != nil {
		return nil, fmt.Errorf("cannot be shown: %w", err)
	}
	return text, nil
}

// encoded is transaction_data as it travels.
func encoded(all []Transaction) []string {
	var list []string
	for _, t := range all {
		list = append(list, t.Encoded)
	}
	return list
}
