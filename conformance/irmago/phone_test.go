package irmago

import (
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/glebarez/sqlite"
	"github.com/privacybydesign/irmago/common/clientmodels"
	"github.com/privacybydesign/irmago/eudi"
	"github.com/privacybydesign/irmago/eudi/credentials/sdjwtvc"
	"github.com/privacybydesign/irmago/eudi/credentials/statuslist"
	eudijwt "github.com/privacybydesign/irmago/eudi/jwt"
	"github.com/privacybydesign/irmago/eudi/openid4vci"
	"github.com/privacybydesign/irmago/eudi/openid4vp"
	"github.com/privacybydesign/irmago/eudi/openid4vp/dcql"
	"github.com/privacybydesign/irmago/eudi/openid4vp/eudi_sdjwt_dcql"
	"github.com/privacybydesign/irmago/eudi/sdjwt"
	"github.com/privacybydesign/irmago/eudi/services"
	"github.com/privacybydesign/irmago/eudi/storage"
	"github.com/privacybydesign/irmago/eudi/storage/db"
	"github.com/privacybydesign/irmago/eudi/storage/filesystem"
	"github.com/sirupsen/logrus"
)

// phone is the stranger's wallet, put together as its own client does, on a
// database in memory.
type phone struct {
	issuance     *openid4vci.Client
	presentation *openid4vp.Client
	cards        services.CredentialService
	statuses     *services.RevocationService
}

// newPhone trusts the certificate authorities of a trust export.
func newPhone(t *testing.T, trust string) *phone {
	t.Helper()
	eudi.Logger = logrus.New()
	eudi.Logger.SetOutput(t.Output())
	var key [32]byte
	files := filesystem.NewFileSystemStorage(key, t.TempDir())
	kept, err := storage.NewStorageWithDialector(sqlite.Open(filepath.Join(t.TempDir(), "wallet.db")), files)
	must(t, err)
	t.Cleanup(func() { _ = kept.Close() })
	configuration, err := eudi.NewConfiguration(kept)
	must(t, err)
	configuration.SetCertificateVerificationMode(eudi.DeveloperModeCertificateVerification)
	ca, err := os.ReadFile(filepath.Join(trust, "issuer-ca.pem"))
	must(t, err)
	issuers, verifiers := files.Issuers(), files.Verifiers()
	must(t, issuers.CertificateManager().InstallCertificate(ca))
	must(t, verifiers.CertificateManager().InstallCertificate(ca))
	must(t, configuration.Reload())

	locale := clientmodels.NewCurrentLocale("en")
	clock := eudijwt.NewSystemClock()
	credentials := db.NewCredentialStore(kept.Db())
	checker := statuslist.NewChecker(statuslist.VerificationContext{X509Context: &configuration.Issuers, Clock: clock}, statuslist.NewInMemoryCache())
	p := &phone{statuses: services.NewRevocationService(checker, credentials)}
	p.cards = services.NewCredentialService(credentials, db.NewHolderBindingKeyStore(kept.Db()), files, p.statuses, locale)
	keys := services.NewHolderBindingKeyService(kept.Db())
	holder := sdjwtvc.NewHolderVerificationProcessor(sdjwtvc.SdJwtVcVerificationContext{
		X509VerificationContext: &configuration.Issuers, Clock: clock, JwtVerifier: sdjwt.NewJwxJwtVerifier(), StatusChecker: checker,
	})
	p.issuance, err = openid4vci.NewClient(&http.Client{Timeout: 20 * time.Second}, configuration, holder, p.cards, keys, locale)
	must(t, err)
	p.issuance.SetAllowInsecureHttp(true) // the stage is on loop-back
	cards := eudi_sdjwt_dcql.NewSdJwtVcDcqlHandler(kept, credentials, nil, nil, sdjwt.NewDefaultKeyBinder(keys), locale, p.statuses)
	validator := openid4vp.NewRequestorCertificateStoreVerifierValidator(&configuration.Verifiers, &openid4vp.DefaultQueryValidatorFactory{})
	p.presentation, err = openid4vp.NewClient(configuration, []dcql.DcqlCredentialQueryHandler{cards}, validator, locale)
	must(t, err)
	return p
}

// ended is how a session of the wallet went.
type ended struct {
	cards []*clientmodels.Credential
	err   error
}

func failed(err *clientmodels.SessionError) ended {
	return ended{err: errors.New(err.WrappedError + err.Info)}
}

// taking says yes to everything that an issuance asks its holder.
type taking struct {
	txCodes   []string                             // tried in this order
	authorize func(address string) (string, error) // the browser
	done      chan ended
}

func (h *taking) Success(_ string, cards []*clientmodels.Credential) { h.done <- ended{cards: cards} }
func (h *taking) Cancelled()                                         { h.done <- ended{err: errors.New("cancelled")} }
func (h *taking) Failure(err *clientmodels.SessionError)             { h.done <- failed(err) }

func (h *taking) RequestPreAuthorizedCodeFlowPermission(
	_ *clientmodels.PreAuthorizedCodeFlowPermissionRequest, _ *clientmodels.TrustedParty, answer openid4vci.TokenPermissionHandler,
) {
	if len(h.txCodes) == 0 {
		answer(true, nil)
		return
	}
	code := h.txCodes[0]
	h.txCodes = h.txCodes[1:]
	answer(true, &code)
}

func (h *taking) RequestAuthorizationCodeFlowPermission(
	request *clientmodels.AuthorizationCodeFlowRequest, _ *clientmodels.TrustedParty, answer openid4vci.AuthCodeHandler,
) {
	back, err := h.authorize(request.AuthorizationEndpoint + "?" + url.Values(request.AuthorizationParameters).Encode())
	if err != nil {
		h.done <- ended{err: err}
		answer(false, nil)
		return
	}
	answer(true, &back)
}

func (h *taking) RequestPermission(_ []*clientmodels.Credential, _ *clientmodels.TrustedParty, answer openid4vci.PermissionHandler) {
	answer(true)
}

// take has the wallet follow an offer to its end.
func (p *phone) take(t *testing.T, offer, callback string, h *taking) ([]*clientmodels.Credential, error) {
	t.Helper()
	h.done = make(chan ended, 2)
	p.issuance.NewSession(1, offer, callback, h)
	return wait(t, h.done)
}

// showing says yes, with the first card that fits.
type showing struct{ done chan ended }

func (h *showing) Success(string, []clientmodels.LogCredential) { h.done <- ended{} }
func (h *showing) Cancelled()                                   { h.done <- ended{err: errors.New("cancelled")} }
func (h *showing) Failure(err *clientmodels.SessionError)       { h.done <- failed(err) }
func (h *showing) DeliverDcApiResponse(string)                  {}

func (h *showing) RequestVerificationPermission(
	plan *clientmodels.DisclosurePlan, _ *clientmodels.TrustedParty, queries map[string]string, answer openid4vp.PermissionHandler,
) {
	var chosen []dcql.DisclosureSelection
	for _, pick := range plan.DisclosureChoicesOverview {
		if len(pick.OwnedOptions) == 0 {
			continue
		}
		for _, card := range pick.OwnedOptions[0].Credentials {
			selection := dcql.DisclosureSelection{QueryId: queries[card.Hash], CredentialHash: card.Hash, RequireHolderBinding: true}
			for _, attribute := range card.Attributes {
				selection.ClaimPaths = append(selection.ClaimPaths, attribute.ClaimPath)
			}
			chosen = append(chosen, selection)
		}
	}
	answer(len(chosen) > 0, chosen)
}

// show has the wallet answer a verifier's request.
func (p *phone) show(t *testing.T, request string) error {
	t.Helper()
	h := &showing{done: make(chan ended, 2)}
	p.presentation.NewSession(request, h)
	_, err := wait(t, h.done)
	return err
}

func wait(t *testing.T, done chan ended) ([]*clientmodels.Credential, error) {
	t.Helper()
	select {
	case e := <-done:
		return e.cards, e.err
	case <-time.After(time.Minute):
		t.Fatal("the wallet does not come to an end")
		return nil, nil
	}
}

// said are the claims of a card by name.
func said(card *clientmodels.Credential) string {
	var all []string
	for _, a := range card.Attributes {
		if len(a.ClaimPath) == 1 {
			if name, ok := a.ClaimPath[0].(string); ok {
				all = append(all, name)
			}
		}
	}
	return strings.Join(all, " ")
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
