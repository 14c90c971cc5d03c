/** Every name that a user's script may meet, in one place; another profile changes them all at once. */
export interface Profile {
  readonly command: string;
  readonly container: string;
  readonly network: string;
  /** What engines call the drivers of our networks and addresses. */
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
