/** What the tunnels of this host are made with, and what it shares with each peer. All keys have 32 bytes. */
export interface TunnelKeys {
  /** X25519. */
  readonly privateKey: Uint8Array;
  readonly publicKey: Uint8Array;
  /**
   * A secret that only this host and the one with this public key come to, by both private keys and the mesh's password.
   * Undefined where that is no key.
   */
  sharedWith(publicKey: Uint8Array): Uint8Array | undefined;
}
