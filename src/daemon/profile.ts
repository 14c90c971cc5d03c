/** Every name that a user's script may meet, in one place; another profile changes them all at once. */
export interface Profile {
  readonly command: string;
  readonly container: string;
  readonly network: string;
  /** What Docker calls the driver of its networks, and the socket that it is found by. */
  readonly driver: string;
  /** Of the interface in a container, and of the host's own. */
  readonly device: string;
  readonly legDevice: string;
  readonly environmentPrefix: string;
}

export const MESH: Profile = {
  command: 'mesh',
  container: 'mesh',
  network: 'mesh',
  driver: 'mesh',
  device: 'ethmesh',
  legDevice: 'mesh',
  environmentPrefix: 'MESH_',
};
